/**
 * @module Slots for LoRA adapters, allocated before the profile run: for every matrix an A and a B of the largest rank, for
 * each of `--max-loras` (lora/layers of vLLM 0.32). Shapes of the layers: model/adapter-widths.ts.
 *
 *   embedding      A  rank × vocabulary         B  rank × hidden        where the class lists it
 *   head           A  rank × hidden             B  rank × vocabulary    likewise
 */
import { PagodaError } from "../../../../core/errors.ts";
import { dtypeBytes, type ModelFacts } from "../../../model/facts.ts";
import { adapterWidths } from "../../../model/weights/adapter-widths.ts";
import type { RankLayout } from "../../../model/weights/rank-tensors.ts";
import type { FlagReader } from "../../../plan/flags.ts";
import { allocatedBytes } from "../../../quantity/caching-allocator.ts";
import { estimated, exact, type Quantity } from "../../../quantity/quantity.ts";

export interface LoraSettings {
  readonly maxLoras: number;
  readonly rank: number;
  readonly isFullySharded: boolean;
  /** Bytes of a number; null: as the model's dtype. */
  readonly bytesPerNumber: 2 | null;
}

const allowedRanks: readonly number[] = [1, 8, 16, 32, 64, 128, 256, 320, 512];
const largestVocabulary = 258_048;

/** Classes that list their embedding and head among what adapters may change. */
const adaptsVocabulary =
  /^(Llama|Mixtral|Qwen3Moe|Qwen3ForCausal|Qwen3_5|Granite|Exaone|FalconH1|Jamba|Lfm2|MiniCPM|Nemotron|PhiMoE|Solar|Apertus)/;

function refuse(param: string, message: string, hint: string): PagodaError {
  return new PagodaError("plan_invalid", message, { param, hint });
}

/**
 * The LoRA flags; null without `--enable-lora`.
 * @throws PagodaError `plan_invalid` for values that vLLM refuses.
 */
export function loraSettings(flags: FlagReader): LoraSettings | null {
  if (flags.switched("enable-lora") !== true) return null;
  const rank = flags.integer("max-lora-rank") ?? 16;
  const maxLoras = flags.integer("max-loras") ?? 1;
  const maxOnHost = flags.integer("max-cpu-loras") ?? maxLoras;
  if (!allowedRanks.includes(rank)) {
    const next = allowedRanks.find((allowed) => allowed >= rank) ?? 512;
    throw refuse(
      "max-lora-rank",
      `--max-lora-rank must be one of ${allowedRanks.join(", ")}; got ${rank}.`,
      `Use --max-lora-rank ${next}.`,
    );
  }
  if (maxLoras < 1)
    throw refuse("max-loras", `--max-loras must be at least 1; got ${maxLoras}.`, "Use --max-loras 1.");
  if (maxOnHost < maxLoras)
    throw refuse(
      "max-cpu-loras",
      `max_cpu_loras (${maxOnHost}) must be >= max_loras (${maxLoras}).`,
      `Use --max-cpu-loras ${maxLoras} or more.`,
    );
  const dtype = flags.text("lora-dtype");
  return {
    maxLoras,
    rank,
    isFullySharded: flags.switched("fully-sharded-loras") === true,
    bytesPerNumber: dtype === null || dtype === "auto" ? null : 2,
  };
}

function vocabularyWidths(model: ModelFacts, layout: RankLayout, stage: number): readonly number[] {
  if (!adaptsVocabulary.test(model.architecture)) return [];
  const isLast = stage === layout.pipelineParallel - 1;
  if (isLast && model.vocabSize > largestVocabulary)
    throw refuse(
      "enable-lora",
      `When using LoRA, vocab size must be <= ${largestVocabulary}; it is ${model.vocabSize}.`,
      "Serve this model without --enable-lora, with the adapter merged.",
    );
  const both = [model.vocabSize, model.hiddenSize];
  return [...(stage === 0 ? both : []), ...(isLast ? both : [])];
}

/** Bytes of all slots on one rank of pipeline stage `stage`; exactly nothing without LoRA. */
export function loraSlots(
  lora: LoraSettings | null,
  model: ModelFacts,
  layout: RankLayout,
  stage: number,
): Quantity {
  if (lora === null) return exact(0, "no LoRA");
  const widths = [
    ...adapterWidths(model, layout, stage, lora.isFullySharded),
    ...vocabularyWidths(model, layout, stage),
  ];
  const unit = lora.maxLoras * lora.rank * (lora.bytesPerNumber ?? dtypeBytes(model.dtype));
  const bytes = allocatedBytes(widths.map((width) => width * unit));
  const isPlain = model.layers.every(({ mixer }) => mixer.kind === "attention" || mixer.kind === "none");
  return estimated(
    bytes * (isPlain ? 1 : 0.8),
    bytes,
    bytes * (isPlain ? 1.05 : 1.3),
    `${lora.maxLoras} LoRA slots of rank ${lora.rank}, shapes of vLLM 0.32; earlier releases add rows for new words`,
  );
}
