/**
 * @module The rules of the house as data: who may import whom, through which files, and how large things may be. Every
 * exception has its reason.
 */

/** Room → rooms that its production code may import besides itself; docs/architecture.md has the same table. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  api: ["core"],
  planner: ["core"],
  backend: ["core"],
  model: ["core", "backend"],
  grammar: ["core"],
  engine: ["core", "backend", "grammar"],
  process: ["core"],
  endpoint: ["core"],
  instance: ["core", "backend", "model", "planner", "engine"],
  fleet: ["core", "api", "planner", "instance", "process", "endpoint"],
  export: ["core"],
  server: ["core", "api"],
  tuner: ["core", "api", "backend", "planner", "engine", "instance", "process", "fleet", "bench"],
  dashboard: ["core", "api", "planner"],
  bench: ["core", "api", "backend", "model", "planner", "engine", "instance", "process"],
  cli: [
    "core",
    "api",
    "backend",
    "model",
    "planner",
    "grammar",
    "engine",
    "process",
    "endpoint",
    "instance",
    "fleet",
    "export",
    "server",
    "tuner",
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
  // Requests are passed on to a real server.
  server: ["endpoint"],
};

/**
 * The files of a room that other rooms import in production code: its doors. `core` has no doors: it is the vocabulary,
 * and every file of it is one word of it.
 */
export const doors: Readonly<Record<string, readonly string[]>> = {
  api: [
    "api/admin/fleet.ts",
    // Without zod: the dashboard applies deltas in the browser.
    "api/admin/observatory/delta.ts",
    "api/admin/nodes.ts",
    "api/admin/observatory/index.ts",
    "api/admin/plan.ts",

    "api/admin/start.ts",
    "api/chat/chat-completions.ts",
    "api/completions/completions.ts",
    "api/embeddings/embeddings.ts",
    "api/error.ts",
    "api/exchange.ts",
    "api/fields/required-capabilities.ts",
    "api/messages/message-error.ts",
    "api/messages/message-models.ts",
    "api/messages/messages.ts",
    "api/models.ts",
    "api/ollama/ollama-chat.ts",
    "api/ollama/ollama-embed.ts",
    "api/ollama/ollama-error.ts",
    "api/ollama/ollama-models.ts",
    "api/openapi/openapi.ts",
    "api/responses/response-error.ts",
    "api/responses/responses.ts",
    "api/scores/reranks.ts",
    "api/scores/scores.ts",
    "api/shown-text.ts",
    "api/sleep.ts",
    "api/stream-text.ts",
    "api/tokens/detokenize.ts",
    "api/tokens/tokenize.ts",
    "api/tokens/tokenizer-info.ts",
  ],
  // What a backend is; for those who create or measure one; what one would allocate.
  backend: ["backend/backend.ts", "backend/create/index.ts", "backend/cpu/footprint/index.ts"],
  bench: [
    "bench/bench.ts",
    "bench/load/completion-client.ts",
    "bench/load/workload.ts",
    "bench/options/bench-parts.ts",
    "bench/report.ts",
  ],
  endpoint: ["endpoint/remote-endpoint.ts"],
  export: ["export/index.ts"],
  fleet: ["fleet/index.ts"],
  engine: ["engine/engine.ts", "engine/simulation/simulated-engine.ts"],
  grammar: ["grammar/index.ts"],
  instance: ["instance/index.ts"],
  model: [
    "model/architectures/build-program.ts",
    "model/chat-template/answer-format.ts",
    "model/chat-template/chat-template.ts",
    "model/chat-template/find-template.ts",
    "model/chat-template/stated-template.ts",
    "model/config/gguf-config.ts",
    "model/config/huggingface-config.ts",
    "model/config/model-config.ts",
    "model/generation-defaults/generation-config.ts",
    "model/generation-defaults/model-names.ts",
    "model/generation-defaults/sampling-defaults.ts",
    "model/model-files.ts",
    "model/source/cached-models.ts",
    "model/source/download/progress-meter.ts",
    "model/source/hub/hub-headers.ts",
    "model/source/settings/model-name.ts",
    "model/source/resolve-model.ts",
    "model/weights/gguf.ts",
    "model/weights/safetensors.ts",
    "model/weights/tensor-directory.ts",
  ],
  // The planner, and what an instance of our own engine is started by.
  planner: ["planner/index.ts", "planner/engines/pagoda/index.ts"],
  process: [
    "process/memory-readings.ts",
    "process/process-census.ts",
    "process/process-identity.ts",
    "process/process-memory.ts",
    "process/process-tree.ts",
    "process/server-process.ts",
    "process/started-processes.ts",
  ],
  server: [
    "server/access/access-control.ts",
    "server/access/api-keys.ts",
    "server/access/cors.ts",
    "server/app.ts",
    "server/connections/connection-ledger.ts",
    "server/metrics/server-metrics.ts",
    "server/models/served-models.ts",
    "server/observatory/devices.ts",
    "server/observatory/history/history-file.ts",
    "server/observatory/logs/log-ring.ts",
    "server/observatory/observatory.ts",
    "server/requests/allowed-hosts.ts",
    "server/requests/running-requests.ts",
    "server/traces/trace-exporter.ts",
  ],
  // Options apart: a command's help loads no engine.
  tuner: ["tuner/index.ts", "tuner/options.ts"],
};

/** The one file of a room that tests of other rooms import besides its doors; rooms without an entry have no such rule. */
export const testingDoors: Readonly<Record<string, string>> = {
  backend: "backend/testing/index.ts",
};

/** What every folder of the CPU backend may import. */
const backendContract = [
  "core",
  "backend/backend.ts",
  "backend/hidden-state.ts",
  "backend/program.ts",
  "backend/step-layout.ts",
  "backend/encodings",
];
const kernelContract = ["backend/cpu/kernels/jobs.ts", "backend/cpu/kernels/kernel-set.ts"];

/** Folder → what its production files may import besides: files, or folders with all that is below them. The first one counts. */
export const folderMayImport: Readonly<Record<string, readonly string[]>> = {
  "backend/encodings": ["core"],
  "backend/reference": [...backendContract, "backend/step-memory.ts"],
  "backend/cpu/footprint": backendContract,
  "backend/cpu/kernels/wasm": ["core", ...kernelContract],
  "backend/cpu/kernels/self-test": [
    "core",
    "backend/seeded-numbers.ts",
    "backend/cpu/footprint",
    ...kernelContract,
  ],
  "backend/cpu/kernels/machine-code": [
    "core",
    "backend/cpu/footprint",
    "backend/cpu/kernels/self-test",
    ...kernelContract,
  ],
  "backend/cpu/kernels": ["core", "backend/encodings", "backend/cpu/footprint"],
  "backend/cpu/memory": [...backendContract, "backend/cpu/footprint", "backend/cpu/kernels/kernel-set.ts"],
  "backend/cpu/compile": [
    ...backendContract,
    "backend/cpu/footprint",
    "backend/cpu/memory",
    ...kernelContract,
  ],
  "backend/cpu/load": [...backendContract, "backend/cpu/footprint", "backend/cpu/memory", ...kernelContract],
  "backend/cpu/run": [...backendContract, "backend/cpu/footprint", "backend/cpu/compile", ...kernelContract],
  "backend/cpu/measure": [
    "core",
    "backend/seeded-numbers.ts",
    "backend/cpu/footprint",
    "backend/cpu/kernels",
    "backend/cpu/choose-kernels.ts",
    "backend/cpu/kernel-choices.ts",
  ],
  // What lies in none of these folders wires them together.
  "backend/cpu": backendContract,
  "engine/kv/ghost": ["core", "engine/kv/block-list.ts"],
  "engine/kv": ["core"],
  "engine/constraint": ["core", "grammar/index.ts"],
  "engine/request": ["core", "engine/constraint"],
  "engine/sequence": ["core", "backend/backend.ts", "engine/constraint", "engine/request", "engine/kv"],
  "engine/step": ["core", "backend/backend.ts", "engine/sequence"],
  "engine/schedule": ["core", "backend/backend.ts", "engine/sequence", "engine/step", "engine/kv"],
  "engine/output": ["core", "engine/sequence", "engine/schedule"],
  "engine/settings": ["core", "backend/backend.ts", "engine/kv", "engine/request", "engine/schedule"],
  // The engine in virtual time wires the same parts together as the engine itself.
  "engine/simulation": [
    "core",
    "backend/backend.ts",
    "engine/kv",
    "engine/request",
    "engine/schedule",
    "engine/sequence",
    "engine/step",
  ],
  "engine/watch": [
    "core",
    "backend/backend.ts",
    "engine/kv",
    "engine/output",
    "engine/schedule",
    "engine/sequence",
    "engine/step",
  ],
};

/** Folder pairs that may import each other, each with its reason. */
export const mutualFolders: Readonly<Record<string, string>> = {};

/** Files that may be longer than `mostLines`: tables. */
export const longFiles: Readonly<Record<string, string>> = {
  "planner/model/catalogue-data.ts": "a table, generated by scripts/build-model-catalogue.ts",
};

/** Folders that may hold more than `mostFiles` files. */
export const largeFolders: Readonly<Record<string, string>> = {};

/** Folders that are about engines: what the planner knows of each one, and how the fleet runs it. */
export const engineFolders: readonly string[] = ["planner/engines/", "fleet/drivers/", "tuner/engines/"];

/** Files outside of these folders that may name an engine, each with its reason. */
export const mayNameEngines: Readonly<Record<string, string>> = {
  "server/metrics/metric-table.ts":
    "metrics carry vLLM's own names, so that dashboards made for it show ours",
  "server/metrics/engine-metrics.ts":
    "metrics carry vLLM's own names, so that dashboards made for it show ours",
  "server/metrics/instance-metrics.ts":
    "metrics carry vLLM's own names, so that dashboards made for it show ours",
  "server/metrics/request-metrics.ts":
    "metrics carry vLLM's own names, so that dashboards made for it show ours",
  "server/metrics/monitoring/alert-rules.ts":
    "the dashboard and the rules show servers of every engine, by their own names",
  "server/metrics/monitoring/expressions.ts":
    "the dashboard and the rules show servers of every engine, by their own names",
  "server/metrics/monitoring/grafana-dashboard.ts":
    "the dashboard and the rules show servers of every engine, by their own names",
  "server/metrics/monitoring/monitoring-files.ts":
    "the dashboard and the rules show servers of every engine, by their own names",
  "server/metrics/monitoring/panels.ts":
    "the dashboard and the rules show servers of every engine, by their own names",
  "endpoint/remote-snapshot.ts": "the metrics of other servers are read under their own names",
  "api/fields/feature-fields.ts": "fields of other servers' protocols are refused under their own names",
  "bench/peers/goals.ts": "Pagoda's speed is compared with that of other servers, by name",
  "bench/peers/servers-under-test.ts": "Pagoda's speed is compared with that of other servers, by name",
  "bench/peers/step-overhead.ts": "a figure that was measured of vLLM stands beside ours",
  "bench/bench.ts": "Pagoda's speed is compared with that of other servers, by name",
  "bench/options/bench-options.ts": "Pagoda's speed is compared with that of other servers, by name",
  "cli/commands/bench.ts": "Pagoda's speed is compared with that of other servers, by name",
  "api/admin/plan.ts": "the engine of a question that names none",
  "cli/commands/plan/plan.ts": "examples of the help, and the engine of a question that names none",
  "cli/commands/plan/compare.ts": "examples of the help",
  "cli/commands/plan/explain.ts": "examples of the help",
  "cli/commands/plan/translate.ts": "examples of the help",
  "cli/commands/fleet/export.ts": "examples of the help",
  "export/fleet/engine-facts.ts": "what other supervisors have to know of each engine",
  "export/kubernetes/kserve.ts":
    "KServe's own template starts one engine, and the manifest writes that engine's variable",
  "cli/commands/tuning/tune.ts": "examples of the help",
  "cli/options/server-options.ts": "the help says whose protocol a flag speaks",
  "cli/commands/serve.ts": "the help says whose way of counting a flag follows",
  "instance/options.ts": "`--generation-config vllm` is vLLM's own spelling",
  "model/generation-defaults/sampling-defaults.ts": "`--generation-config vllm` is vLLM's own spelling",
  "fleet/desired/fleet-schema.ts": "the JSON schema says which engines a file may name",
  "planner/model/catalogue-data.ts": "sources of facts, with the repositories they were found in",
};

/** Errors without a hint: beginnings of messages after which the reader can do nothing, each with its reason. */
export const errorsWithoutRemedy: Readonly<Record<string, string>> = {
  "The KV pool (": "core/budget-change.ts adds the changes that fit",
  "… are needed (": "core/budget-change.ts adds the changes that fit",
  "Something went wrong inside the server": "a bug of ours: the server's log has the details",
  "'…' …": "the sentence says what the field must be",
  "No number of cards was tried": "a bug of Pagoda",
  "The backend keeps ": "two of our own parts disagree: a bug of Pagoda",
};

/** Messages that are another program's own words, by their beginning, each with its reason. */
export const quotedErrors: Readonly<Record<string, string>> = {
  "AssertionError: invalid cache_max_entry_count": "LMDeploy's own words, which its users search for",
  "object-cache path ": "TurboMind's own words, which its users search for",
};

export const mostLines = 400;
export const mostFunctionLines = 60;
export const mostFiles = 16;
