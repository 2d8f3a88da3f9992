/** @module Every parameter that clients' packages and vLLM know, and how each endpoint treats it: docs/api-parameters.md. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { chatFields } from "../../src/api/chat/chat-completions.ts";
import { completionFields } from "../../src/api/completions/completions.ts";
import { embeddingsFields } from "../../src/api/embeddings/embeddings.ts";
import { type EndpointFields, treatmentOf } from "../../src/api/fields/endpoint-fields.ts";
import { countedFields, messageFields } from "../../src/api/messages/messages.ts";
import { generateFields, ollamaChatFields } from "../../src/api/ollama/ollama-chat.ts";
import { embedFields, ollamaEmbeddingsFields } from "../../src/api/ollama/ollama-embed.ts";
import { loadingOptions } from "../../src/api/ollama/ollama-options.ts";
import { responseFields } from "../../src/api/responses/responses.ts";
import { rerankFields } from "../../src/api/scores/reranks.ts";
import { scoreFields } from "../../src/api/scores/scores.ts";
import { tokenizeFields } from "../../src/api/tokens/tokenize.ts";
import { membersOf, versionOf } from "./client-types.ts";

/** Written by scripts/oracle/vllm_parameters.py from an installed vLLM. */
const vllmFile = resolve(import.meta.dirname, "../../tests/fixtures/api/vllm-parameters.json");
const vllm: { readonly version: string; readonly parameters: Readonly<Record<string, readonly string[]>> } =
  JSON.parse(readFileSync(vllmFile, "utf8"));

/** A client's type of the request: file below node_modules, and its interface. */
type ClientType = readonly [file: string, interfaceName: string];

export interface AuditedEndpoint {
  readonly path: string;
  readonly fields: EndpointFields;
  readonly clientTypes: readonly ClientType[];
  /** The least body that is accepted. */
  readonly leastBody: object;
}

const ollamaTypes = "ollama/dist/browser.d.mts";
const ollamaOptions: ClientType = [ollamaTypes, "Options"];
const anthropicTypes = "@anthropic-ai/sdk/resources/messages/messages.d.ts";

export const auditedEndpoints: readonly AuditedEndpoint[] = [
  {
    path: "/v1/chat/completions",
    leastBody: { messages: [{ role: "user", content: "a" }] },
    fields: chatFields,
    clientTypes: [["openai/resources/chat/completions/completions.d.ts", "ChatCompletionCreateParamsBase"]],
  },
  {
    path: "/v1/completions",
    leastBody: { prompt: "a" },
    fields: completionFields,
    clientTypes: [["openai/resources/completions.d.ts", "CompletionCreateParamsBase"]],
  },
  {
    path: "/v1/responses",
    leastBody: { input: "a" },
    fields: responseFields,
    clientTypes: [["openai/resources/responses/responses.d.ts", "ResponseCreateParamsBase"]],
  },
  {
    path: "/v1/embeddings",
    leastBody: { input: "a" },
    fields: embeddingsFields,
    clientTypes: [["openai/resources/embeddings.d.ts", "EmbeddingCreateParams"]],
  },
  { path: "/score", leastBody: { text_1: "a", text_2: "b" }, fields: scoreFields, clientTypes: [] },
  { path: "/rerank", leastBody: { query: "a", documents: ["b"] }, fields: rerankFields, clientTypes: [] },
  {
    path: "/v1/messages",
    leastBody: { messages: [{ role: "user", content: "a" }], max_tokens: 1 },
    fields: messageFields,
    clientTypes: [[anthropicTypes, "MessageCreateParamsBase"]],
  },
  {
    path: "/v1/messages/count_tokens",
    leastBody: { messages: [{ role: "user", content: "a" }] },
    fields: countedFields,
    clientTypes: [[anthropicTypes, "MessageCountTokensParams"]],
  },
  {
    path: "/api/chat",
    leastBody: {},
    fields: ollamaChatFields,
    clientTypes: [[ollamaTypes, "ChatRequest"], ollamaOptions],
  },
  {
    path: "/api/generate",
    leastBody: {},
    fields: generateFields,
    clientTypes: [[ollamaTypes, "GenerateRequest"], ollamaOptions],
  },
  { path: "/api/embed", leastBody: {}, fields: embedFields, clientTypes: [[ollamaTypes, "EmbedRequest"]] },
  {
    path: "/api/embeddings",
    leastBody: { prompt: "a" },
    fields: ollamaEmbeddingsFields,
    clientTypes: [[ollamaTypes, "EmbeddingsRequest"]],
  },
  { path: "/tokenize", leastBody: {}, fields: tokenizeFields, clientTypes: [] },
];

/** The parameters of one endpoint, sorted, with where each is from. */
export function parametersOf({ path, clientTypes }: AuditedEndpoint): ReadonlyMap<string, readonly string[]> {
  const sources = new Map<string, string[]>();
  const add = (names: readonly string[], source: string): void => {
    for (const name of names) sources.set(name, [...(sources.get(name) ?? []), source]);
  };
  for (const [file, interfaceName] of clientTypes)
    add(membersOf(file, interfaceName), /^(@[^/]+\/[^/]+|[^/]+)/.exec(file)?.[0] ?? file);
  add(vllm.parameters[path] ?? [], "vLLM");
  return new Map([...sources].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Fields that are read apart before the others: their entries are fields themselves. */
const unfolded: ReadonlyMap<string, string> = new Map([["options", "its entries are read as fields"]]);

/** What the table says of a parameter; null where the endpoint does not know it. */
export function sentenceOf(name: string, { path, fields }: AuditedEndpoint): string | null {
  if (path.startsWith("/api/") && unfolded.has(name)) return unfolded.get(name) ?? null;
  const treatment = treatmentOf(name, fields);
  switch (treatment?.kind) {
    case undefined:
      return path.startsWith("/api/") && loadingOptions.has(name)
        ? "ignored: it says how a model is loaded"
        : null;
    case "read":
      return treatment.name === name ? "read" : `read as \`${treatment.name}\``;
    case "ignored":
      return `ignored: ${treatment.reason}`;
    case "refused": {
      const instead = treatment.field?.instead ?? treatment.feature?.instead ?? `Leave '${name}' out.`;
      return `refused: ${instead}`;
    }
  }
}

export function document(): string {
  const versions = ["openai", "@anthropic-ai/sdk", "ollama"].map((name) => `${name} ${versionOf(name)}`);
  return `# Parameters of the API

Written by \`node scripts/build-api-parameters.ts\` from the types of ${versions.join(", ")} and the request classes of vLLM ${vllm.version}; a test fails while a parameter is missing here.

- **read**: the endpoint honors it.
- **ignored**: it has no effect, for the reason given.
- **refused**: status 400 with the parameter's name, unless its value changes nothing (such as \`false\` or an empty list).

A parameter that is in no table is ignored, and the log names it once.
${auditedEndpoints.map(section).join("")}`;
}

function section(endpoint: AuditedEndpoint): string {
  const rows = [...parametersOf(endpoint)].map(
    ([name, sources]) =>
      `| \`${name}\` | ${sources.join(", ")} | ${sentenceOf(name, endpoint) ?? "**unknown**"} |`,
  );
  return `\n## ${endpoint.path}\n\n| parameter | known to | here |\n|---|---|---|\n${rows.join("\n")}\n`;
}
