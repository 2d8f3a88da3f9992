/** @module What to do about a file of a model that cannot be what its makers wrote: hints of errors. */

export const damagedFile = "The file is damaged: fetch it again.";

/** For what a converter writes: a wrong conversion and a damaged file look alike. */
export const damagedGguf =
  "The file is damaged or was converted wrongly: download it again, or convert the model with a current llama.cpp.";

export const damagedCheckpoint = "The checkpoint is damaged or was edited: fetch its files again.";

export const damagedTokenizer = "The tokenizer's files are damaged or were edited: fetch them again.";

export const unknownTokenizerPart =
  "Use a .gguf file of this model, or a checkpoint whose tokenizer was saved by a current transformers.";
