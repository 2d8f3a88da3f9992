// Exports every kernel under the name of its job in src/backend/cpu/kernels/jobs.ts.
export * from "./numbers/constants";
export { attentionF16, attentionInt4, attentionInt8, attentionMerge } from "./attention/attention";
export { add, copy, gatherRows, glu, softcap, zero } from "./rows/elementwise";
export { embed } from "./rows/embed";
export { matmulBf16, matmulF16, matmulF32 } from "./matmul/matmul-float";
export { matmulQ4 } from "./matmul/matmul-q4";
export { matmulQ8 } from "./matmul/matmul-q8";
export { headNorm, rmsNorm } from "./rows/norm";
export { prepareHeadsF16, prepareHeadsInt4, prepareHeadsInt8 } from "./attention/prepare-heads";
export { gluQuantize, normQuantize, quantizeRows } from "./rows/quantize";
export { repackMatrix, repackVector } from "./weights/repack";
export { rope } from "./attention/rope";
export { sample } from "./sampling/sample";
export { storeKvF16, storeKvInt4, storeKvInt8 } from "./attention/store-kv";
