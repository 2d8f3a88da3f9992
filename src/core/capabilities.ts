/** @module What the endpoint behind a model can do: which paths it answers, and what its request bodies may ask for. */

/** What a request body may ask for that not every engine has. */
export const features = [
  "adapters",
  "audio",
  "beam-search",
  "cache-salt",
  "documents",
  "embedded-prompts",
  "extended-sampling",
  "images",
  "infill",
  "kv-transfer",
  "logits-processors",
  "multiple-candidates",
  "predicted-output",
  "prompt-truncation",
  "request-chat-template",
  "sessions",
  "structured-output",
  "thinking-budget",
  "token-filter",
  "tools",
  "web-search",
] as const;

export type Feature = (typeof features)[number];

export interface Capabilities {
  /** Paths such as `/v1/chat/completions`; a request to another one is refused by name. */
  readonly routes: ReadonlySet<string>;
  /** A body that asks for a feature outside this set is refused by name, whichever kind of endpoint it is for. */
  readonly features: ReadonlySet<Feature>;
}

/** Paths whose request body names the model that it is for, so that a server may pass the request on to another process. */
export const modelRoutes = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/embeddings",
  "/score",
  "/v1/score",
  "/rerank",
  "/v1/rerank",
  "/v2/rerank",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/api/chat",
  "/api/generate",
  "/api/show",
  "/api/embed",
  "/api/embeddings",
  "/tokenize",
  "/detokenize",
] as const;
