// Every kernel by the name its job has in src/backend/cpu/jobs.ts.
export * from "./constants";
export { attentionF16, attentionInt4, attentionInt8, attentionMerge } from "./attention";
export { add, copy, gatherRows, glu, softcap, zero } from "./elementwise";
export { embed } from "./embed";
export { matmulBf16, matmulF16, matmulF32 } from "./matmul-float";
export { matmulQ4 } from "./matmul-q4";
export { matmulQ8 } from "./matmul-q8";
export { headNorm, rmsNorm } from "./norm";
export { prepareHeadsF16, prepareHeadsInt4, prepareHeadsInt8 } from "./prepare-heads";
export { gluQuantize, normQuantize, quantizeRows } from "./quantize";
export { repackMatrix, repackVector } from "./repack";
export { rope } from "./rope";
export { sample } from "./sample";
export { storeKvF16, storeKvInt4, storeKvInt8 } from "./store-kv";
