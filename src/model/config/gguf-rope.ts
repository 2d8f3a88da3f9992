/** @module Rotary embedding of a GGUF file: `rope.*` keys, and divisors that the converter stored as tensors. */

import { PagodaError } from "../../core/errors.ts";
import { damagedGguf } from "../files/damage-hints.ts";
import { readFloats } from "../weights/read-floats.ts";
import type { StoredTensor, TensorDirectory } from "../weights/tensor-directory.ts";
import { gemma3LocalTheta } from "./architecture-defaults.ts";
import type { FieldReader } from "./field-reader.ts";
import type { ArchitectureName, ModelShape } from "./model-config.ts";
import { limits } from "./model-limits.ts";
import {
  factorBounds,
  longropeMagnitude,
  type RopeConfig,
  thetaBounds,
  yarnMagnitude,
} from "./rope-config.ts";

/** One rope for all layers, or for Gemma 3 [full attention, window]. */
export function parseGgufRopes(
  fields: FieldReader,
  architecture: ArchitectureName,
  shape: ModelShape,
  tensors: TensorDirectory,
): readonly RopeConfig[] {
  const rope = parseGgufRope(fields, shape, tensors);
  if (architecture !== "gemma3") return [rope];
  return [
    rope,
    { kind: "default", theta: fields.number("rope.freq_base_swa", thetaBounds, gemma3LocalTheta) },
  ];
}

function parseGgufRope(fields: FieldReader, shape: ModelShape, tensors: TensorDirectory): RopeConfig {
  const theta = fields.number("rope.freq_base", thetaBounds, 10_000);
  const [long, short, divisors] = ["rope_factors_long", "rope_factors_short", "rope_freqs"].map((name) =>
    tensors.get(`${name}.weight`),
  );
  if (long !== undefined && short !== undefined) return longrope(fields, shape, theta, long, short);
  const factors = divisors === undefined ? undefined : readFactors(divisors, shape.rotaryDim);
  // llama.cpp takes a file that states no type for a linear one.
  const type = fields.string("rope.scaling.type", "linear");
  switch (type) {
    case "none":
      return plainOrLinear(theta, 1, factors);
    case "linear":
      return plainOrLinear(theta, linearFactor(fields), factors);
    case "yarn":
      return { ...yarn(fields, shape, theta), ...(factors === undefined ? {} : { divisors: factors }) };
    case "longrope":
      throw fields.refuse("rope.scaling.type", "needs the tensors rope_factors_long and rope_factors_short");
    default:
      throw fields.unsupported("rope.scaling.type", "known types are none, linear, yarn, longrope");
  }
}

/** Old files state it under another name; 0 and nothing mean 1. */
function linearFactor(fields: FieldReader): number {
  const bounds = { min: 0, max: factorBounds.max };
  const old = fields.number("rope.scale_linear", bounds, 1);
  const factor = fields.number("rope.scaling.factor", bounds, old);
  return factor === 0 ? 1 : factor;
}

function plainOrLinear(theta: number, factor: number, divisors: readonly number[] | undefined): RopeConfig {
  if (divisors === undefined)
    return factor === 1 ? { kind: "default", theta } : { kind: "linear", theta, factor };
  return factor === 1
    ? { kind: "factors", theta, factors: divisors }
    : { kind: "linear", theta, factor, divisors };
}

function yarn(fields: FieldReader, shape: ModelShape, theta: number): RopeConfig {
  const factor = fields.number("rope.scaling.factor", factorBounds);
  const given = fields.number("rope.scaling.attn_factor", factorBounds, 1);
  return {
    kind: "yarn",
    theta,
    factor,
    originalMaxPositions: fields.integer(
      "rope.scaling.original_context_length",
      limits.positions,
      shape.maxPositions,
    ),
    betaFast: fields.number("rope.scaling.yarn_beta_fast", factorBounds, 32),
    betaSlow: fields.number("rope.scaling.yarn_beta_slow", factorBounds, 1),
    attentionFactor: given * yarnMagnitude(factor, 1),
    truncate: true,
  };
}

function longrope(
  fields: FieldReader,
  shape: ModelShape,
  theta: number,
  long: StoredTensor,
  short: StoredTensor,
): RopeConfig {
  const originalMaxPositions = fields.integer("rope.scaling.original_context_length", limits.positions);
  return {
    kind: "longrope",
    theta,
    shortFactors: readFactors(short, shape.rotaryDim),
    longFactors: readFactors(long, shape.rotaryDim),
    originalMaxPositions,
    attentionFactor: fields.number(
      "rope.scaling.attn_factor",
      factorBounds,
      longropeMagnitude(shape.maxPositions / originalMaxPositions, originalMaxPositions),
    ),
  };
}

/** One positive f32 divisor per pair; the file's own tensor, a few hundred bytes. */
function readFactors(tensor: StoredTensor, rotaryDim: number): readonly number[] {
  const factors = readFloats(tensor, rotaryDim / 2);
  const bad = factors.findIndex((factor) => !(factor >= factorBounds.min && factor <= factorBounds.max));
  if (bad >= 0)
    throw new PagodaError("model_invalid", `Tensor ${tensor.name} holds ${factors[bad]} for pair ${bad}.`, {
      hint: damagedGguf,
    });
  return factors;
}
