/**
 * @module How positions turn into angles, as Hugging Face configs say it: in the old fields (`rope_theta`, `rope_scaling`,
 * `rope_local_base_freq`) or in the new one (`rope_parameters`, flat or one object per layer type).
 */
import type { FieldReader, NumberBounds } from "./field-reader.ts";
import { limits } from "./model-limits.ts";

export type RopeConfig =
  | { readonly kind: "default"; readonly theta: number }
  | {
      readonly kind: "linear";
      readonly theta: number;
      readonly factor: number;
      /** As in `factors`, beside the scaling. */
      readonly divisors?: readonly number[];
    }
  | {
      readonly kind: "llama3";
      readonly theta: number;
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxPositions: number;
    }
  | {
      readonly kind: "yarn";
      readonly theta: number;
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly attentionFactor: number;
      /** Round the blend's ends to whole dimensions. */
      readonly truncate: boolean;
      /** As in `factors`, beside the scaling. */
      readonly divisors?: readonly number[];
    }
  | {
      readonly kind: "longrope";
      readonly theta: number;
      /** One divisor per pair, for instances whose sequences end by originalMaxPositions … */
      readonly shortFactors: readonly number[];
      /** … and for instances that allow longer ones. */
      readonly longFactors: readonly number[];
      readonly originalMaxPositions: number;
      readonly attentionFactor: number;
    }
  /** One divisor per pair, worked out by the converter (the `rope_freqs` tensor of a GGUF file). */
  | { readonly kind: "factors"; readonly theta: number; readonly factors: readonly number[] };

export const thetaBounds: NumberBounds = { min: 1, max: 1e12 };
export const factorBounds: NumberBounds = { min: 1e-3, max: 1e6 };

/** What a rope reads from the rest of the config. */
export interface RopeContext {
  readonly defaultTheta: number;
  readonly maxPositions: number;
  readonly rotaryDim: number;
  /** Phi-3 keeps it next to `rope_scaling`, not in it; if it is present, transformers prefers it. */
  readonly originalMaxPositions: number | null;
  /** The name `yarn` means LongRoPE, as in Phi-3's early files. */
  readonly yarnIsLongrope: boolean;
}

const knownFields = new Set([
  "rope_type",
  "type",
  "rope_theta",
  "partial_rotary_factor",
  "factor",
  "low_freq_factor",
  "high_freq_factor",
  "original_max_position_embeddings",
  "beta_fast",
  "beta_slow",
  "attention_factor",
  "mscale",
  "mscale_all_dim",
  "truncate",
  "short_factor",
  "long_factor",
  // Written by a fine-tuning tool; transformers never reads it.
  "finetuned",
]);

/** One `rope_parameters` or `rope_scaling` object. Throws PagodaError for an unknown type or field. */
export function parseRope(fields: FieldReader, context: RopeContext): RopeConfig {
  for (const name of fields.names)
    if (!knownFields.has(name) && fields.has(name))
      throw fields.unsupported(name, "this rotary embedding field is not implemented");
  const theta = fields.number("rope_theta", thetaBounds, context.defaultTheta);
  const typeField = fields.has("rope_type") ? "rope_type" : "type";
  const type = fields.string(typeField, "default");
  switch (type === "yarn" && context.yarnIsLongrope ? "longrope" : type) {
    case "default":
    // Stretches only what is longer than max_position_embeddings, and no sequence here is.
    case "dynamic":
      return { kind: "default", theta };
    case "linear":
      return { kind: "linear", theta, factor: fields.number("factor", factorBounds) };
    case "llama3":
      return {
        kind: "llama3",
        theta,
        factor: fields.number("factor", factorBounds),
        lowFrequencyFactor: fields.number("low_freq_factor", factorBounds),
        highFrequencyFactor: fields.number("high_freq_factor", factorBounds),
        originalMaxPositions: originalMaxPositions(fields, context),
      };
    case "yarn":
      return parseYarn(fields, theta, context);
    case "longrope":
    case "su": // the name Phi-3's first files used
      return parseLongrope(fields, theta, context);
    default:
      throw fields.unsupported(typeField, "known types are default, dynamic, linear, llama3, yarn, longrope");
  }
}

function originalMaxPositions(fields: FieldReader, context: RopeContext): number {
  const nested = fields.integer("original_max_position_embeddings", limits.positions, context.maxPositions);
  return context.originalMaxPositions ?? nested;
}

/** Attention factor: as given, else from mscale, else 0.1 ln(factor) + 1 (YaRN, arXiv 2309.00071, eq. 22). */
function parseYarn(fields: FieldReader, theta: number, context: RopeContext): RopeConfig {
  const factor = fields.number("factor", factorBounds);
  const mscale = fields.number("mscale", { min: 0, max: 100 }, 0);
  const mscaleAllDim = fields.number("mscale_all_dim", { min: 0, max: 100 }, 0);
  const derived =
    mscale > 0 && mscaleAllDim > 0
      ? yarnMagnitude(factor, mscale) / yarnMagnitude(factor, mscaleAllDim)
      : yarnMagnitude(factor, 1);
  return {
    kind: "yarn",
    theta,
    factor,
    originalMaxPositions: originalMaxPositions(fields, context),
    betaFast: fields.number("beta_fast", factorBounds, 32),
    betaSlow: fields.number("beta_slow", factorBounds, 1),
    attentionFactor: fields.number("attention_factor", factorBounds, derived),
    truncate: fields.boolean("truncate", true),
  };
}

export function yarnMagnitude(factor: number, mscale: number): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}

function parseLongrope(fields: FieldReader, theta: number, context: RopeContext): RopeConfig {
  const originalLength = originalMaxPositions(fields, context);
  const stretch = fields.number("factor", factorBounds, context.maxPositions / originalLength);
  return {
    kind: "longrope",
    theta,
    shortFactors: fields.numbers("short_factor", factorBounds, context.rotaryDim / 2),
    longFactors: fields.numbers("long_factor", factorBounds, context.rotaryDim / 2),
    originalMaxPositions: originalLength,
    attentionFactor: fields.number(
      "attention_factor",
      factorBounds,
      longropeMagnitude(stretch, originalLength),
    ),
  };
}

/** sqrt(1 + ln s / ln L) for a stretch s of the original length L (LongRoPE, arXiv 2402.13753, §3.4). */
export function longropeMagnitude(stretch: number, originalMaxPositions: number): number {
  return stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(originalMaxPositions));
}
