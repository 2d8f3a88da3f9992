/** @module The start of this process in the words of the planner, for `/admin/start`. */
import type { LoadQuantization, RunningStart } from "../../api/admin/start.ts";
import { grantedProcessors } from "../../backend/create/index.ts";
import { PagodaError } from "../../core/errors.ts";
import type { ModelShape } from "../../core/footprint.ts";
import { type PreparedInstance, preparedProgramFacts } from "../../instance/index.ts";
import { configOfGguf } from "../../planner/index.ts";

/** Shapes under every quantization, and what was stated. */
export async function runningStart(prepared: PreparedInstance, modelArgument: string): Promise<RunningStart> {
  const { device, files, names } = prepared;
  const facts = await preparedProgramFacts(prepared);
  return {
    schema: "pagoda.start/1",
    engine: "pagoda",
    model: names[0],
    modelArgument,
    config: configOf(files),
    flags: statedFlags(prepared),
    device: { ...device, numProcessors: grantedProcessors() },
    shapes: {
      none: shapeOrNull(facts.shapeUnder, "none"),
      int8: shapeOrNull(facts.shapeUnder, "int8"),
      int4: shapeOrNull(facts.shapeUnder, "int4"),
    },
    modelMaxLen: facts.modelMaxLen,
    leastUsefulLen: facts.leastUsefulLen,
  };
}

function configOf({ config, tensors }: PreparedInstance["files"]): RunningStart["config"] {
  if (config.kind === "hf") return Object.fromEntries(Object.entries(config.json));
  const bytes = new Map<string, number>();
  for (const { type, numBytes } of tensors.values()) bytes.set(type, (bytes.get(type) ?? 0) + numBytes);
  const [mainType = "F16"] = [...bytes].sort(([, a], [, b]) => b - a).map(([type]) => type);
  return configOfGguf(config.metadata, mainType, tensors.has("output.weight"));
}

type ShapeUnder = (quantization: "int8" | "int4" | null) => ModelShape;

function shapeOrNull(shapeUnder: ShapeUnder, quantization: LoadQuantization): ModelShape | null {
  try {
    return plainShape(shapeUnder(quantization === "none" ? null : quantization));
  } catch (thrown) {
    if (thrown instanceof PagodaError) return null;
    throw thrown;
  }
}

/** A program is a shape with functions and tables beside it: what JSON should have of it. */
function plainShape(shape: ModelShape): ModelShape {
  const operation = ({ kind, numHeads, kvLayer }: ModelShape["body"][number]) => ({
    kind,
    ...(numHeads === undefined ? {} : { numHeads }),
    ...(kvLayer === undefined ? {} : { kvLayer }),
  });
  return {
    weights: shape.weights.map(({ name, role, numRows, numCols, storage, layer }) => ({
      name,
      role,
      numRows,
      numCols,
      storage,
      layer,
    })),
    buffers: shape.buffers.map(({ name, rows, width }) => ({ name, rows, width })),
    kvLayers: shape.kvLayers,
    ropeTables: shape.ropeTables.map(({ inverseFrequencies }) => ({
      inverseFrequencies: [...inverseFrequencies],
    })),
    vocabularyWidth: shape.vocabularyWidth,
    body: shape.body.map(operation),
    head: shape.head.map(operation),
  };
}

/** Settings that somebody stated, under the names of our own flags. */
function statedFlags({ settings }: PreparedInstance): Record<string, string> {
  const { cap, pool } = settings;
  const flags: Record<string, string> = {};
  if (cap !== null)
    Object.assign(
      flags,
      cap.value.kind === "instanceBytes"
        ? { memory: String(cap.value.bytes) }
        : { "gpu-memory-utilization": String(cap.value.fraction) },
    );
  if (pool !== null) Object.assign(flags, poolFlag(pool.value));
  const plain = {
    "max-model-len": settings.maxModelLen,
    "block-size": settings.blockSize,
    "kv-cache-dtype": settings.kvDtype,
    "max-num-seqs": settings.maxNumSeqs,
    "max-num-batched-tokens": settings.maxNumBatchedTokens,
    "max-logprobs": settings.maxLogprobs,
    threads: settings.numThreads,
    quantization: settings.quantization,
  };
  for (const [name, setting] of Object.entries(plain))
    if (setting !== null && setting.from !== "default" && setting.value !== null)
      flags[name] = String(setting.value);
  return flags;
}

type Pool = NonNullable<PreparedInstance["settings"]["pool"]>["value"];

function poolFlag(pool: Pool): Record<string, string> {
  switch (pool.kind) {
    case "fractionOfFree":
      return { "cache-max-entry-count": String(pool.fraction) };
    case "kvBytes":
      return { "kv-cache-memory-bytes": String(pool.bytes) };
    case "blocks":
      return { "num-gpu-blocks-override": String(pool.numBlocks) };
    case "tokens":
      return { "max-kv-tokens": String(pool.numTokens) };
  }
}
