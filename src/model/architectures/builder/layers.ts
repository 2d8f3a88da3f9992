/** @module The half-layers that architectures are put together from. Each leaves its answer in the buffer it returns. */
import type { Layer, ProgramBuilder } from "./program-builder.ts";

/** How q, k and v come about. */
export interface AttentionVariant {
  /** One matrix [q; k; v] instead of three. */
  readonly fusedQkv?: boolean;
  /** A norm on q and k: over each head with one weight [headDim], or over all heads at once. */
  readonly queryKeyNorm?: "perHead" | "fullWidth";
}

/** [q | k | v] = input · Wᵀ; q and k normed and turned by position; heads = softmax(scale · q·kᵀ) v over the cache. */
export function attention(
  builder: ProgramBuilder,
  layer: Layer,
  input: number,
  variant: AttentionVariant = {},
): number {
  const { config } = builder;
  const { numHeads, numKvHeads, headDim } = config;
  const [queryWidth, keyWidth] = [numHeads * headDim, numKvHeads * headDim];
  const qkv = builder.buffer("qkv", queryWidth + 2 * keyWidth);
  projectQkv(builder, input, qkv, variant);
  normQueryAndKey(builder, qkv, variant);
  // q and k are adjacent, so one operation rotates the heads of both.
  builder.emit({
    kind: "rope",
    at: { bufferId: qkv, offset: 0 },
    numHeads: numHeads + numKvHeads,
    headDim,
    rotaryDim: config.rotaryDim,
    ropeId: layer.ropeId,
  });
  builder.emit({
    kind: "storeKv",
    key: { bufferId: qkv, offset: queryWidth },
    value: { bufferId: qkv, offset: queryWidth + keyWidth },
    kvLayer: layer.layerId,
  });
  const heads = builder.buffer("attention", queryWidth);
  builder.emit({
    kind: "attention",
    query: { bufferId: qkv, offset: 0 },
    out: heads,
    kvLayer: layer.layerId,
    numHeads,
    scale: config.attentionScale,
    softcap: config.attentionSoftcap,
    window: layer.window,
  });
  return heads;
}

function projectQkv(builder: ProgramBuilder, input: number, qkv: number, variant: AttentionVariant): void {
  const { hiddenWidth: inputWidth, numHeads, numKvHeads, headDim, biases } = builder.config;
  const [queryWidth, keyWidth] = [numHeads * headDim, numKvHeads * headDim];
  const bias = biases.qkv;
  const parts = variant.fusedQkv
    ? [{ name: "self_attn.qkv_proj", numRows: queryWidth + 2 * keyWidth, bias }]
    : [
        { name: "self_attn.q_proj", numRows: queryWidth, bias, rotatedHeadDim: headDim },
        { name: "self_attn.k_proj", numRows: keyWidth, bias, rotatedHeadDim: headDim },
        { name: "self_attn.v_proj", numRows: keyWidth, bias },
      ];
  builder.linear({ input, inputWidth, parts, out: qkv });
}

function normQueryAndKey(builder: ProgramBuilder, qkv: number, variant: AttentionVariant): void {
  const { numHeads, numKvHeads, headDim } = builder.config;
  const [queryWidth, keyWidth] = [numHeads * headDim, numKvHeads * headDim];
  const [queryName, keyName] = ["self_attn.q_norm.weight", "self_attn.k_norm.weight"];
  if (variant.queryKeyNorm === "perHead") {
    builder.headNorm(qkv, 0, queryName, numHeads, headDim);
    builder.headNorm(qkv, queryWidth, keyName, numKvHeads, headDim);
  }
  if (variant.queryKeyNorm === "fullWidth") {
    builder.headNorm(qkv, 0, queryName, 1, queryWidth);
    builder.headNorm(qkv, queryWidth, keyName, 1, keyWidth);
  }
}

/** activation(gate) · up, with [gate | up] = input · Wᵀ, from two matrices or one. */
export function gatedUnit(builder: ProgramBuilder, input: number, fusedGateUp = false): number {
  const { hiddenWidth: inputWidth, intermediateWidth, activation, biases } = builder.config;
  const gateUp = builder.buffer("gateUp", 2 * intermediateWidth);
  const parts = fusedGateUp
    ? [{ name: "mlp.gate_up_proj", numRows: 2 * intermediateWidth, bias: biases.mlp }]
    : ["mlp.gate_proj", "mlp.up_proj"].map((name) => ({
        name,
        numRows: intermediateWidth,
        bias: biases.mlp,
      }));
  builder.linear({ input, inputWidth, parts, out: gateUp });
  const out = builder.buffer("glu", intermediateWidth);
  builder.emit({ kind: "glu", input: gateUp, out, activation });
  return out;
}

/** The projection that ends a half-layer. */
export type OutputProjection = "self_attn.o_proj" | "mlp.down_proj";

/** hidden += residualScale · (input · Wᵀ): pre-norm architectures end their half-layers so. */
export function projectIntoHidden(builder: ProgramBuilder, input: number, name: OutputProjection): void {
  const addTo = { scale: builder.config.residualScale };
  builder.linear({ ...outputProjection(builder, input, name), out: builder.hidden, addTo });
}

/** hidden += residualScale · norm(input · Wᵀ): post-norm architectures end theirs so, through the idle `normed` buffer. */
export function projectNormIntoHidden(
  builder: ProgramBuilder,
  input: number,
  name: OutputProjection,
  normName: string,
): void {
  const branch = builder.linear({ ...outputProjection(builder, input, name), out: builder.normed });
  builder.rmsNorm(branch, normName, branch);
  builder.addToHidden(branch);
}

function outputProjection(builder: ProgramBuilder, input: number, name: OutputProjection) {
  const { hiddenWidth, intermediateWidth, numHeads, headDim, biases } = builder.config;
  const isAttention = name === "self_attn.o_proj";
  const bias = isAttention ? biases.attentionOutput : biases.mlp;
  const inputWidth = isAttention ? numHeads * headDim : intermediateWidth;
  return { input, inputWidth, parts: [{ name, numRows: hiddenWidth, bias }] };
}
