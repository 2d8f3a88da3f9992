/** @module How many bytes a weight tensor takes in each quantization format, in the layouts of vLLM and of TurboMind. */
import { tensorTypeFacts } from "../../../core/tensor-type.ts";
import { ceilDiv, roundUp } from "../../quantity/bytes.ts";
import { dtypeBytes, type ModelFacts, type QuantizationFacts } from "../facts.ts";
import { keysOfMatrix, type QuantizedRole } from "../quantized-modules.ts";
import type { RankTensor, TensorRole } from "./rank-tensors.ts";

const matrixRoles: ReadonlySet<TensorRole> = new Set([
  "attention",
  "linearMixer",
  "denseFeedForward",
  "sharedExpert",
  "experts",
  "expertsDown",
]);

function quantizedRole({ role }: RankTensor): QuantizedRole | null {
  if (role === "expertsDown") return "experts";
  return role === "head" || matrixRoles.has(role) ? (role as QuantizedRole) : null;
}

/** The format in which the checkpoint stores this tensor: the rule, or the exception that names it closest. Null: none. */
export function formatOf(
  tensor: RankTensor,
  quantization: QuantizationFacts | null,
): QuantizationFacts | null {
  if (quantization === null) return null;
  const role = quantizedRole(tensor);
  if (role !== null) {
    const { exceptions } = quantization;
    const key = keysOfMatrix(tensor.layer, role, tensor.side).find((name) => name in exceptions);
    const isHeadByAll = role === "head" && key?.startsWith("* * ") === true;
    if (key !== undefined && !isHeadByAll) return exceptions[key] ?? null;
  }
  return isCovered(tensor, quantization) ? quantization : null;
}

/** True where the rule of the checkpoint's quantization covers this tensor. */
function isCovered(tensor: RankTensor, quantization: QuantizationFacts): boolean {
  if (quantization.method === "gguf")
    return matrixRoles.has(tensor.role) || tensor.role === "embedding" || tensor.role === "head";
  if (quantization.method === "mxfp4" && Object.keys(quantization.exceptions).length === 0)
    return tensor.role === "experts" || tensor.role === "expertsDown";
  if (tensor.role === "head") return quantization.quantizesHead;
  return matrixRoles.has(tensor.role) && !quantization.keeps.some((kept) => kept === tensor.role);
}

/** Bytes per weight of a GGUF type; names of mixes (`Q4_K_M`) count as their base type. */
function ggufBytesPerWeight(type: string): number | null {
  const name = type.toUpperCase();
  const base = name.replace(/_(XS|XXS|S|M|L|XL)$/, "");
  for (const candidate of [name, base]) {
    const facts = Object.entries(tensorTypeFacts).find(([known]) => known === candidate)?.[1];
    if (facts !== undefined) return facts.bytesPerBlock / facts.weightsPerBlock;
  }
  return null;
}

function numScales(tensor: RankTensor, groupSize: number): number {
  if (groupSize === 0) return tensor.numStacked;
  const perRow = groupSize < 0 ? 1 : ceilDiv(tensor.numCols, groupSize);
  return tensor.numStacked * tensor.numRows * perRow;
}

function numWeights(tensor: RankTensor): number {
  return tensor.numStacked * tensor.numRows * tensor.numCols;
}

/** How MXFP4 experts are padded for the kernel that runs them (mxfp4_round_up_hidden_size_and_intermediate_size). */
export type ExpertPadding = "none" | "marlin" | "triton";

function mxfp4Allocations(tensor: RankTensor, padding: ExpertPadding): number[] {
  const weights = numWeights(tensor);
  const isExpert = tensor.role === "experts" || tensor.role === "expertsDown";
  const hiddenSize = tensor.role === "expertsDown" ? tensor.numRows : tensor.numCols;
  if (!isExpert) return [weights / 2, weights / 32];
  const hidden = roundUp(hiddenSize, 256);
  if (padding === "none") return [weights / 2, weights / 32];
  if (padding === "triton") return [((weights / hiddenSize) * hidden) / 2, weights / 32];
  const width =
    tensor.role === "expertsDown" ? roundUp(tensor.numCols, 128) : 2 * roundUp(tensor.numRows / 2, 128);
  const padded = tensor.numStacked * hidden * width;
  return [padded / 2, padded / 32];
}

/** Allocations of one quantized tensor as vLLM holds it after loading (vllm-memory.md §5.1). */
function quantizedAllocations(tensor: RankTensor, q: QuantizationFacts, padding: ExpertPadding): number[] {
  const weights = numWeights(tensor);
  const scales = numScales(tensor, q.groupSize);
  switch (q.method) {
    case "awq":
      return [(weights * q.bits) / 8, scales * 2, (scales * q.bits) / 8];
    case "gptq":
    case "compressed-tensors":
      return [
        (weights * q.bits) / 8,
        scales * 2,
        ...(q.isSymmetric ? [] : [(scales * q.bits) / 8]),
        ...(q.usesActivationOrder ? [tensor.numCols * 4 * 2] : []),
      ];
    case "fp8": {
      if (q.blockSide === null) return [weights, scales * 4];
      const blocks =
        tensor.numStacked * ceilDiv(tensor.numRows, q.blockSide) * ceilDiv(tensor.numCols, q.blockSide);
      return [weights, blocks * 4];
    }
    case "int8":
      return [weights, scales * 4];
    case "mxfp8":
      return [weights, weights / 32];
    case "mxfp4":
      return mxfp4Allocations(tensor, padding);
    case "nvfp4":
      return [weights / 2, weights / 16, 4 * tensor.numStacked];
    case "bitsandbytes":
      if (q.bits === 8) return [weights, numScales(tensor, -1) * 4];
      return [weights / 2, weights / q.groupSize, (weights / q.groupSize / 256) * 4];
    case "gguf":
      return [weights * (ggufBytesPerWeight(q.ggufType ?? "Q8_0") ?? 1)];
    case "aqlm":
      return [(weights / 8) * 2, 65536 * 8 * 2];
    case "other":
      return [(weights * q.bits) / 8];
  }
}

/** Sizes of the device allocations that hold one tensor in vLLM. */
export function loadedAllocations(tensor: RankTensor, facts: ModelFacts, padding: ExpertPadding): number[] {
  const numberBytes = tensor.bytesPerNumber ?? dtypeBytes(facts.dtype);
  const format = formatOf(tensor, facts.quantization);
  if (format === null) return [numWeights(tensor) * numberBytes];
  return quantizedAllocations(tensor, format, padding);
}

/** Bytes of one tensor in TurboMind (lmdeploy-memory.md §4.1): scale and zero fused into 4 bytes a group. */
export function fusedFormatBytes(tensor: RankTensor, facts: ModelFacts, computeCapability: number): number {
  const weights = numWeights(tensor);
  const q = formatOf(tensor, facts.quantization);
  if (q === null) return weights * (tensor.bytesPerNumber ?? dtypeBytes(facts.dtype));
  if (q.method === "fp8")
    return computeCapability >= 9 ? weights * (1 + 4 / (128 * 128)) : weights * (1 + 2 / 128);
  if (q.method === "mxfp4" || q.method === "nvfp4") return weights * (0.5 + 1 / 32);
  if (q.method === "gguf" || q.method === "other") return (weights * q.bits) / 8;
  return weights * (q.bits / 8 + 4 / Math.max(1, q.groupSize > 0 ? q.groupSize : tensor.numCols));
}
