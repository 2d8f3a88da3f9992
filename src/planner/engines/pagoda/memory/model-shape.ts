/**
 * @module The shape that our engine gives a model of which only the configuration is at hand: weights, buffers and
 * operations as the architectures of `model/architectures` declare them. Where headers are at hand, the shape is theirs
 * (`PlanRequest.program`); a test holds this module to them.
 */
import { PagodaError } from "../../../../core/errors.ts";
import type { ModelShape, WeightShape } from "../../../../core/footprint.ts";
import { groupWidth, type WeightStorage } from "../../../../core/weight-storage.ts";
import type { AttentionMixer, ModelFacts } from "../../../model/facts.ts";
import type { MemorySettings } from "./settings.ts";

type Quantization = MemorySettings["quantization"]["value"];

interface Family {
  /** q, k and v are one matrix, gate and up another. */
  readonly isFused?: boolean;
  /** A half-layer ends with a norm of its own, whose answer is added in an operation of its own. */
  readonly hasPostNorms?: boolean;
  /** A half-layer begins with a norm. */
  readonly hasPreNorms?: boolean;
  readonly capsLogits?: boolean;
}

const families: Readonly<Record<string, Family>> = {
  LlamaForCausalLM: { hasPreNorms: true },
  MistralForCausalLM: { hasPreNorms: true },
  Qwen2ForCausalLM: { hasPreNorms: true },
  Qwen3ForCausalLM: { hasPreNorms: true },
  GraniteForCausalLM: { hasPreNorms: true },
  Phi3ForCausalLM: { hasPreNorms: true, isFused: true },
  Gemma2ForCausalLM: { hasPreNorms: true, hasPostNorms: true, capsLogits: true },
  Gemma3ForCausalLM: { hasPreNorms: true, hasPostNorms: true },
  Olmo2ForCausalLM: { hasPostNorms: true },
};

/**
 * The shape under a way to quantize weights at load.
 * @throws PagodaError `model_unsupported` naming what our engine does not run.
 */
export function shapeOfFacts(facts: ModelFacts, quantization: Quantization): ModelShape {
  const family = familyOf(facts);
  const mixers = facts.layers.map((layer, at) => attentionOf(facts, layer.mixer, at));
  const [mixer] = mixers;
  if (mixer === undefined) throw unsupported(facts, "it has no layers");
  const { headDim } = mixer;
  const storage = storageOf(facts);
  const widths = { ...widthsOf(facts, mixer), storage, quantization };
  return {
    weights: [
      table("embedding", facts.vocabSize, facts.hiddenSize, widths),
      ...mixers.flatMap((_, layer) => layerWeights(facts, family, widths, layer)),
      vector("final norm", facts.hiddenSize, null),
      ...(facts.isTied ? [] : [table("head", facts.vocabSize, facts.hiddenSize, widths)]),
    ],
    buffers: buffersOf(facts, family, widths),
    kvLayers: mixers.map(({ numKvHeads }) => ({ numKvHeads, headDim })),
    ropeTables: Array.from({ length: facts.numRotaryTables }, () => ({
      inverseFrequencies: Array<number>(Math.floor((headDim * facts.traits.rotaryShare) / 2)).fill(1),
    })),
    vocabularyWidth: facts.vocabSize,
    body: [
      { kind: "embed" },
      ...mixers.flatMap(({ numHeads }, kvLayer) => layerOperations(facts, family, numHeads, kvLayer)),
    ],
    head: ["gatherOutputs", "rmsNorm", "linear", ...(family.capsLogits ? ["softcap"] : [])].map((kind) => ({
      kind,
    })),
  };
}

function unsupported(facts: ModelFacts, why: string): PagodaError {
  return new PagodaError("model_unsupported", `Pagoda's engine does not run ${facts.name}: ${why}.`, {
    param: "model",
    hint: "Plan it for another engine, or choose a model of a family that Pagoda runs: Llama, Mistral, Qwen 2 and 3, Phi 3, Gemma 2 and 3, Granite, OLMo 2.",
  });
}

function familyOf(facts: ModelFacts): Family {
  const family = families[facts.architecture];
  if (family === undefined)
    throw unsupported(facts, `the architecture ${facts.architecture} is not implemented`);
  if (facts.vision !== null) throw unsupported(facts, "it reads images");
  return family;
}

function attentionOf(
  facts: ModelFacts,
  mixer: ModelFacts["layers"][number]["mixer"],
  at: number,
): AttentionMixer {
  if (mixer.kind === "attention" && mixer.chunk === null && !mixer.isCross) return mixer;
  throw unsupported(facts, `layer ${at} is of a kind that is not implemented`);
}

const storageByDtype = { float32: "f32", float16: "f16", bfloat16: "bf16" } as const;

/** Of matrices as the checkpoint has them. A GGUF type of at most four bits and a half is held in 4 bits, others in 8. */
function storageOf(facts: ModelFacts): WeightStorage {
  const { quantization } = facts;
  if (quantization === null) return storageByDtype[facts.dtype];
  if (quantization.method === "gguf") return quantization.bits <= 4 ? "q4" : "q8";
  throw unsupported(facts, `its weights are stored as ${quantization.method}, which is not implemented`);
}

interface Widths {
  readonly query: number;
  readonly key: number;
  readonly feedForward: number;
  readonly storage: WeightStorage;
  readonly quantization: Quantization;
}

function widthsOf(facts: ModelFacts, mixer: AttentionMixer): Pick<Widths, "query" | "key" | "feedForward"> {
  const feedForward = facts.layers[0]?.feedForward;
  if (feedForward?.kind !== "dense") throw unsupported(facts, "its layers have experts");
  return {
    query: mixer.numHeads * mixer.headDim,
    key: mixer.numKvHeads * mixer.headDim,
    feedForward: feedForward.width,
  };
}

function vector(name: string, width: number, layer: number | null): WeightShape {
  return { name, role: "vector", numRows: 1, numCols: width, storage: "f32", layer };
}

/** Embedding and head stay in 8 bits under int4, since they decide every token. */
function table(name: string, numRows: number, numCols: number, widths: Widths): WeightShape {
  const quantization = widths.quantization === null ? null : "int8";
  return matrix(name, numRows, numCols, {
    layer: null,
    storage: storageUnder(widths.storage, quantization, numCols),
  });
}

function matrix(
  name: string,
  numRows: number,
  numCols: number,
  place: Pick<WeightShape, "layer" | "storage">,
): WeightShape {
  return { name, role: "matrix", numRows, numCols, ...place };
}

function storageUnder(asStored: WeightStorage, quantization: Quantization, numCols: number): WeightStorage {
  if (quantization === null || asStored === "q4" || asStored === "q8") return asStored;
  if (numCols % groupWidth !== 0) return asStored;
  return quantization === "int4" ? "q4" : "q8";
}

function layerWeights(facts: ModelFacts, family: Family, widths: Widths, layer: number): WeightShape[] {
  const { hiddenSize, traits } = facts;
  const { query, key, feedForward } = widths;
  const projection = (name: string, numRows: number, numCols: number, hasBias: boolean): WeightShape[] => [
    matrix(name, numRows, numCols, {
      layer,
      storage: storageUnder(widths.storage, widths.quantization, numCols),
    }),
    ...(hasBias ? [vector(`${name} bias`, numRows, layer)] : []),
  ];
  const into = (names: readonly (readonly [string, number])[], hasBias: boolean): WeightShape[] =>
    names.flatMap(([name, numRows]) => projection(name, numRows, hiddenSize, hasBias));
  return [
    ...into(
      family.isFused
        ? [["qkv", query + 2 * key]]
        : [
            ["q", query],
            ["k", key],
            ["v", key],
          ],
      traits.qkvBias,
    ),
    ...projection("o", hiddenSize, query, traits.outBias),
    ...into(
      family.isFused
        ? [["gateUp", 2 * feedForward]]
        : [
            ["gate", feedForward],
            ["up", feedForward],
          ],
      traits.feedForwardBias,
    ),
    ...projection("down", hiddenSize, feedForward, traits.feedForwardBias),
    ...normWidths(facts, family, widths).map((width, at) => vector(`norm ${at}`, width, layer)),
  ];
}

/** Two norms where half-layers begin with one, two where they end with one; then those of q and k. */
function normWidths(facts: ModelFacts, family: Family, { query, key }: Widths): number[] {
  const numNorms = (family.hasPreNorms ? 2 : 0) + (family.hasPostNorms ? 2 : 0);
  const ofHidden = Array<number>(numNorms).fill(facts.hiddenSize);
  const mixer = facts.layers[0]?.mixer;
  const headDim = mixer?.kind === "attention" ? mixer.headDim : 0;
  const ofQueryAndKey = { none: [], head: [headDim, headDim], projection: [query, key] };
  return [...ofHidden, ...ofQueryAndKey[facts.traits.queryKeyNorm]];
}

function buffersOf(facts: ModelFacts, family: Family, widths: Widths): ModelShape["buffers"] {
  const tokens = (name: string, width: number) => ({ name, rows: "tokens" as const, width });
  const outputs = (name: string, width: number) => ({ name, rows: "outputs" as const, width });
  const usesNormed = family.hasPreNorms === true || family.hasPostNorms === true;
  return [
    tokens("hidden", facts.hiddenSize),
    ...(usesNormed ? [tokens("normed", facts.hiddenSize)] : []),
    tokens("qkv", widths.query + 2 * widths.key),
    tokens("attention", widths.query),
    tokens("gateUp", 2 * widths.feedForward),
    tokens("glu", widths.feedForward),
    outputs("outputHidden", facts.hiddenSize),
    outputs("logits", facts.vocabSize),
  ];
}

/** Only attention says more than its kind: the footprint counts the others. */
function layerOperations(
  facts: ModelFacts,
  family: Family,
  numHeads: number,
  kvLayer: number,
): ModelShape["body"][number][] {
  const kinds = (...names: string[]) => names.map((kind) => ({ kind }));
  const begin = family.hasPreNorms ? kinds("rmsNorm") : [];
  const end = family.hasPostNorms ? kinds("linear", "rmsNorm", "add") : kinds("linear");
  const headNorms = facts.traits.queryKeyNorm === "none" ? [] : kinds("headNorm", "headNorm");
  return [
    ...begin,
    ...kinds("linear"),
    ...headNorms,
    ...kinds("rope", "storeKv"),
    { kind: "attention", numHeads, kvLayer },
    ...end,
    ...begin,
    ...kinds("linear", "glu"),
    ...end,
  ];
}
