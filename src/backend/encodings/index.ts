/** @module The door for those who declare weights: what an encoding becomes in memory. */
export { storageOf } from "./storage.ts";
export { isTranscoded } from "./transcode.ts";
