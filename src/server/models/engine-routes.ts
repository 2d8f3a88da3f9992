/** @module The paths that an engine of this process answers: what `capabilities.routes` says of it. */
export const engineRoutes: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/tokenize",
  "/detokenize",
  "/tokenizer_info",
]);
