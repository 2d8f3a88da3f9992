/**
 * @module The families of architectures: what each adds around its projections.
 * Sources: the modelling code of Hugging Face transformers and of vLLM 0.32 for each class name.
 */
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import type { ArchitectureTraits } from "./facts.ts";

const llama: ArchitectureTraits = {
  qkvBias: false,
  outBias: false,
  feedForwardBias: false,
  headBias: false,
  isGated: true,
  hasSinks: false,
  queryKeyNorm: "none",
  normsPerLayer: 2,
  normTensors: 1,
  rotaryShare: 1,
  learnedPositions: false,
};
const qwen2: ArchitectureTraits = { ...llama, qkvBias: true };
const qwen3: ArchitectureTraits = { ...llama, queryKeyNorm: "head" };
const gemma2: ArchitectureTraits = { ...llama, normsPerLayer: 4 };
const gemma3: ArchitectureTraits = { ...gemma2, queryKeyNorm: "head" };
const layerNormed: ArchitectureTraits = {
  ...llama,
  qkvBias: true,
  outBias: true,
  feedForwardBias: true,
  isGated: false,
  normTensors: 2,
};
const glm: ArchitectureTraits = { ...llama, qkvBias: true, rotaryShare: 0.5 };

/** Class name of `config.architectures[0]` to the traits of its text model. */
const families: Readonly<Record<string, ArchitectureTraits>> = {
  LlamaForCausalLM: llama,
  MistralForCausalLM: llama,
  Ministral3ForCausalLM: llama,
  Mistral3ForConditionalGeneration: llama,
  PixtralForConditionalGeneration: llama,
  MixtralForCausalLM: llama,
  AquilaForCausalLM: llama,
  YiForCausalLM: llama,
  SmolLM3ForCausalLM: llama,
  SeedOssForCausalLM: qwen2,
  InternLMForCausalLM: { ...llama, qkvBias: true, outBias: true },
  InternLM2ForCausalLM: llama,
  InternLM3ForCausalLM: llama,
  InternVLChatModel: llama,
  LlavaForConditionalGeneration: llama,
  LlavaNextForConditionalGeneration: llama,
  MllamaForConditionalGeneration: llama,
  Llama4ForConditionalGeneration: llama,
  Llama4ForCausalLM: llama,
  GraniteForCausalLM: llama,
  GraniteMoeForCausalLM: llama,
  GraniteMoeHybridForCausalLM: { ...llama, rotaryShare: 0 },
  MiniCPMForCausalLM: llama,
  MiniCPM3ForCausalLM: llama,
  ExaoneForCausalLM: llama,
  Exaone4ForCausalLM: qwen3,
  OlmoForCausalLM: { ...llama, normTensors: 0 },
  Olmo2ForCausalLM: { ...llama, queryKeyNorm: "projection" },
  Olmo3ForCausalLM: { ...llama, queryKeyNorm: "projection" },
  OlmoeForCausalLM: { ...llama, queryKeyNorm: "projection" },
  BaichuanForCausalLM: llama,
  BaiChuanForCausalLM: llama,
  DeepseekForCausalLM: llama,
  DeepseekV2ForCausalLM: llama,
  DeepseekV3ForCausalLM: llama,
  DeepseekV32ForCausalLM: llama,
  KimiK25ForConditionalGeneration: llama,
  KimiVLForConditionalGeneration: llama,
  LongcatFlashForCausalLM: llama,
  Glm4MoeLiteForCausalLM: llama,
  GlmMoeDsaForCausalLM: llama,
  DeepseekV4ForCausalLM: { ...llama, normTensors: 1 },
  MiMoForCausalLM: qwen2,
  MiMoV2ForCausalLM: { ...llama, rotaryShare: 0.334 },
  MiMoV2FlashForCausalLM: { ...llama, rotaryShare: 0.334 },
  Step3p5ForCausalLM: qwen3,
  Step3p7FlashForCausalLM: qwen3,
  Step3p7ForConditionalGeneration: qwen3,
  DeciLMForCausalLM: llama,
  KimiLinearForCausalLM: { ...llama, rotaryShare: 0 },
  KimiK3ForConditionalGeneration: { ...llama, rotaryShare: 0 },
  GlmForCausalLM: glm,
  Glm4ForCausalLM: { ...glm, normsPerLayer: 4 },
  Glm4MoeForCausalLM: { ...glm, queryKeyNorm: "head" },
  ChatGLMModel: glm,
  ChatGLMForConditionalGeneration: glm,
  Qwen2ForCausalLM: qwen2,
  Qwen2MoeForCausalLM: qwen2,
  Qwen2VLForConditionalGeneration: qwen2,
  Qwen2_5_VLForConditionalGeneration: qwen2,
  Qwen2_5OmniModel: qwen2,
  Qwen2_5OmniForConditionalGeneration: qwen2,
  DotsOCRForCausalLM: qwen2,
  QWenLMHeadModel: qwen2,
  Qwen3ForCausalLM: qwen3,
  Qwen3MoeForCausalLM: qwen3,
  Qwen3VLForConditionalGeneration: qwen3,
  Qwen3VLMoeForConditionalGeneration: qwen3,
  Qwen3OmniMoeForConditionalGeneration: qwen3,
  Qwen3NextForCausalLM: { ...qwen3, rotaryShare: 0.25 },
  Qwen3_5ForCausalLM: { ...qwen3, rotaryShare: 0.25 },
  Qwen3_5ForConditionalGeneration: { ...qwen3, rotaryShare: 0.25 },
  Qwen3_5MoeForCausalLM: { ...qwen3, rotaryShare: 0.25 },
  Qwen3_5MoeForConditionalGeneration: { ...qwen3, rotaryShare: 0.25 },
  MiniMaxM3ForCausalLM: { ...qwen3, rotaryShare: 0.5 },
  MiniMaxM3SparseForCausalLM: { ...qwen3, rotaryShare: 0.5 },
  MiniMaxM3SparseForConditionalGeneration: { ...qwen3, rotaryShare: 0.5 },
  MiniMaxM2ForCausalLM: { ...llama, queryKeyNorm: "projection", rotaryShare: 0.5 },
  GemmaForCausalLM: llama,
  Gemma2ForCausalLM: gemma2,
  Gemma3ForCausalLM: gemma3,
  Gemma3ForConditionalGeneration: gemma3,
  Gemma4ForCausalLM: gemma3,
  Gemma4ForConditionalGeneration: gemma3,
  GptOssForCausalLM: { ...llama, qkvBias: true, outBias: true, hasSinks: true },
  PhiForCausalLM: { ...layerNormed, headBias: true, normsPerLayer: 1, rotaryShare: 0.4 },
  Phi3ForCausalLM: llama,
  Phi3VForCausalLM: llama,
  PhiMoEForCausalLM: { ...llama, qkvBias: true, outBias: true, headBias: true, normTensors: 2 },
  StableLmForCausalLM: { ...llama, normTensors: 2, rotaryShare: 0.25 },
  Starcoder2ForCausalLM: layerNormed,
  GPTBigCodeForCausalLM: { ...layerNormed, rotaryShare: 0, learnedPositions: true },
  GPT2LMHeadModel: { ...layerNormed, rotaryShare: 0, learnedPositions: true },
  OPTForCausalLM: { ...layerNormed, rotaryShare: 0, learnedPositions: true },
  GPTNeoXForCausalLM: { ...layerNormed, rotaryShare: 0.25 },
  GPTJForCausalLM: { ...layerNormed, qkvBias: false, outBias: false, normsPerLayer: 1, rotaryShare: 0.25 },
  BloomForCausalLM: { ...layerNormed, rotaryShare: 0 },
  FalconForCausalLM: {
    ...layerNormed,
    qkvBias: false,
    outBias: false,
    feedForwardBias: false,
    normsPerLayer: 1,
  },
  CohereForCausalLM: { ...llama, normsPerLayer: 1 },
  Cohere2ForCausalLM: { ...llama, normsPerLayer: 1 },
  NemotronForCausalLM: { ...llama, isGated: false, normTensors: 2, rotaryShare: 0.5 },
  NemotronHForCausalLM: { ...llama, isGated: false, normsPerLayer: 1, rotaryShare: 0 },
  BambaForCausalLM: { ...llama, rotaryShare: 0.5 },
  Mamba2ForCausalLM: { ...llama, normsPerLayer: 1, rotaryShare: 0 },
};

/** A decoder whose biases, norms and rotations are the commonest: what an unknown class is taken for when told to. */
export const commonTraits: ArchitectureTraits = llama;

/** "Qwen2ForCausalLM (vLLM export)" counts as its first word. */
export function architectureId(architecture: string): string {
  return architecture.split(/[\s(]/)[0] ?? "";
}

/** Traits of a class; null for one that is not known. */
export function architectureTraits(id: string): ArchitectureTraits | null {
  return Object.hasOwn(families, id) ? (families[id] ?? null) : null;
}

const mostNear = 2;
/** What many names share says nothing of a kinship. */
const commonEnding = /(?:For(?:CausalLM|ConditionalGeneration)|Model|LMHeadModel)$/;

/** A refusal that names what is near, or says that nothing is, and the question that a user may answer. */
export function unknownArchitecture(architecture: string): PagodaError {
  const names = Object.keys(families);
  const ownNames = names.map((name) => name.replace(commonEnding, ""));
  const near = nearestNames(architectureId(architecture).replace(commonEnding, ""), ownNames, mostNear);
  const ids = near.map((own) => names[ownNames.indexOf(own)] ?? own);
  const known =
    ids.length === 0
      ? "No near match is known."
      : `Near by name: ${ids.join(", ")}; set "architectures" to one only if the layers are the same.`;
  return new PagodaError(
    "model_unsupported",
    `The architecture "${architecture}" is not known to the planner.`,
    {
      param: "architectures",
      hint: `${known} Are its layers plain attention and feed-forwards, as its fields say? --assume-dense plans it from its fields alone.`,
    },
  );
}
