/**
 * @module The rules of the house as data: who may import whom, through which files, and how large things may be.
 *
 * A number under `ratchets` is what is still to be repaired. It may only fall: whoever repairs something lowers it.
 */

/** Room → rooms that its production code may import besides itself; docs/architecture.md has the same table. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  api: ["core"],
  planner: ["core"],
  backend: ["core"],
  model: ["core", "backend"],
  engine: ["core", "backend"],
  process: ["core"],
  instance: ["core", "backend", "model", "planner", "engine"],
  fleet: ["core", "api", "backend", "model", "planner", "engine", "instance", "process"],
  server: ["core", "api"],
  dashboard: ["core", "api", "planner"],
  bench: ["core", "api", "backend", "model", "planner", "engine", "instance", "process"],
  cli: [
    "core",
    "api",
    "backend",
    "model",
    "planner",
    "engine",
    "process",
    "instance",
    "fleet",
    "server",
    "bench",
  ],
};

/** Single files of further rooms that a room may import. */
export const mayImportFile: Readonly<Record<string, readonly string[]>> = {
  // What a backend says of its memory is pure arithmetic, and part of a plan.
  planner: ["backend/cpu/footprint/index.ts"],
};

/** Rooms that tests and support of tests may import besides. */
export const testsMayImport: Readonly<Record<string, readonly string[]>> = {
  // The batch-invariance cases run the engine over a real backend and a real tiny checkpoint.
  engine: ["model"],
};

/**
 * The files of a room that other rooms import in production code: its doors. `core` has no doors: it is the vocabulary,
 * and every file of it is one word of it.
 */
export const doors: Readonly<Record<string, readonly string[]>> = {
  api: [
    "api/admin/plan.ts",
    "api/chat/chat-completions.ts",
    "api/completions/completions.ts",
    "api/error.ts",
    "api/exchange.ts",
    "api/models.ts",
    "api/parse-body.ts",
    "api/stream-text.ts",
    "api/tokens/detokenize.ts",
    "api/tokens/tokenize.ts",
  ],
  backend: [
    "backend/backend.ts",
    "backend/program.ts",
    "backend/index.ts",
    "backend/cpu/footprint/index.ts",
    "backend/cpu/choose-kernels.ts",
    "backend/cpu/cpu-backend.ts",
    "backend/cpu/cpu-model.ts",
    "backend/cpu/footprint/weight-layout.ts",
    "backend/cpu/footprint/workspace-layout.ts",
    "backend/cpu/kernels/jobs.ts",
    "backend/cpu/kernels/kernel-set.ts",
    "backend/cpu/kernels/machine-code/cases/matmul-quantized.ts",
    "backend/cpu/kernels/machine-code/cases/scratch-arena.ts",
    "backend/cpu/kernels/machine-code/cases/seeded-numbers.ts",
    "backend/cpu/kernels/machine-code/cpu-features.ts",
    "backend/cpu/kernels/machine-code/kernel-image.ts",
    "backend/cpu/kernels/machine-code/loader.ts",
    "backend/cpu/kernels/machine-code/probes.ts",
    "backend/cpu/kernels/machine-code/targets.ts",
    "backend/cpu/kernels/testing/kernel-arena.ts",
    "backend/cpu/processors.ts",
    "backend/cpu/run/timing.ts",
    "backend/reference/reference-backend.ts",
  ],
  bench: ["bench/bench-parts.ts", "bench/bench.ts", "bench/load/workload.ts", "bench/report.ts"],
  engine: ["engine/engine.ts", "engine/testing/scripted-engine.ts"],
  instance: [
    "instance/device-memory.ts",
    "instance/heap-shares.ts",
    "instance/instance.ts",
    "instance/options/engine-options.ts",
    "instance/options/option.ts",
    "instance/options/read-options.ts",
    "instance/settings.ts",
  ],
  model: [
    "model/architectures/build-program.ts",
    "model/config/gguf-config.ts",
    "model/config/huggingface-config.ts",
    "model/config/model-config.ts",
    "model/generation-defaults/generation-config.ts",
    "model/generation-defaults/model-names.ts",
    "model/generation-defaults/sampling-defaults.ts",
    "model/model-files.ts",
    "model/source/download/progress-meter.ts",
    "model/source/hub/hub-headers.ts",
    "model/source/model-name.ts",
    "model/source/resolve-model.ts",
    "model/weights/gguf.ts",
    "model/weights/safetensors.ts",
    "model/weights/tensor-directory.ts",
  ],
  planner: ["planner/index.ts"],
  process: ["process/server-process.ts", "process/started-processes.ts"],
  server: ["server/app.ts", "server/metrics.ts", "server/running-requests.ts", "server/served-models.ts"],
};

/** Folder → what its production files may import besides: files, or folders with all that is below them. */
export const folderMayImport: Readonly<Record<string, readonly string[]>> = {
  "backend/reference": ["core", "backend"],
  "backend/cpu/footprint": ["core", "backend/program.ts", "backend/backend.ts", "backend/step-layout.ts"],
  "engine/kv": ["core"],
  "engine/request": ["core"],
  "engine/sequence": ["core", "backend/backend.ts", "engine/request", "engine/kv"],
  "engine/step": ["core", "backend/backend.ts", "engine/sequence"],
  "engine/schedule": ["core", "backend/backend.ts", "engine/sequence", "engine/step", "engine/kv"],
  "engine/output": ["core", "engine/sequence", "engine/schedule"],
};

/** Folder pairs that may import each other, each with its reason. */
export const mutualFolders: Readonly<Record<string, string>> = {};

/** Files that may be longer than `mostLines`: tables. */
export const longFiles: Readonly<Record<string, string>> = {
  "planner/model/catalogue-data.ts": "a table, generated by scripts/build-model-catalogue.ts",
};

/** Folders that may hold more than `mostFiles` files. */
export const largeFolders: Readonly<Record<string, string>> = {};

/** Files outside planner/engines/ that may name an engine, each with its reason. */
export const mayNameEngines: Readonly<Record<string, string>> = {
  "server/metrics.ts": "metrics carry vLLM's own names, so that dashboards made for it show ours",
  "bench/peers/goals.ts": "Pagoda's speed is compared with that of other servers, by name",
  "bench/peers/servers-under-test.ts": "Pagoda's speed is compared with that of other servers, by name",
  "bench/steps/step-overhead.ts": "a figure that was measured of vLLM stands beside ours",
};

/** Errors without a hint: beginnings of messages after which the reader can do nothing, each with its reason. */
export const errorsWithoutRemedy: Readonly<Record<string, string>> = {
  "The backend keeps ": "two of our own parts disagree: a bug of Pagoda",
};

export const mostLines = 400;
export const mostFunctionLines = 60;
export const mostFiles = 16;

export const ratchets = {
  filesInCycles: 23,
  mutualFolderPairs: 38,
  /** Production files that import what only tests use. */
  importsOfTesting: 6,
  longFunctions: 2,
  largeFolders: 7,
  keywordPrivates: 2,
  linesNamingAnEngine: 240,
  britishNames: 100,
  /** By room: breaches of docs/error-style.md. */
  errorStyle: {
    api: 41,
    backend: 3,
    bench: 9,
    cli: 16,
    core: 7,
    engine: 60,
    instance: 16,
    model: 211,
    planner: 13,
    process: 4,
    server: 28,
  } as Readonly<Record<string, number>>,
} as const;
