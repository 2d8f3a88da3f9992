/** @module The OpenAPI 3.1 document: every path of this server, with the schemas that its requests are checked by. */
import { z } from "zod";
import { chatSchema } from "../chat/chat-completions.ts";
import { completionSchema } from "../completions/completions.ts";
import { embeddingsSchema } from "../embeddings/embeddings.ts";
import { countedSchema, messageSchema } from "../messages/messages.ts";
import { generateSchema, ollamaChatSchema } from "../ollama/ollama-chat.ts";
import { embedSchema, ollamaEmbeddingsSchema } from "../ollama/ollama-embed.ts";
import { showSchema } from "../ollama/ollama-models.ts";
import { responseSchema } from "../responses/responses.ts";
import { rerankSchema } from "../scores/reranks.ts";
import { scoreSchema } from "../scores/scores.ts";
import { detokenizeSchema } from "../tokens/detokenize.ts";
import { tokenizeSchema } from "../tokens/tokenize.ts";

interface Operation {
  readonly summary: string;
  readonly schema: z.ZodType;
  /** Answers may be server-sent events or lines of JSON. */
  readonly streams?: string;
}

const events = "text/event-stream";
const lines = "application/x-ndjson";

/** Bodies of POST requests that speak to a model. */
const operations: Readonly<Record<string, Operation>> = {
  "/v1/chat/completions": { summary: "An answer to a conversation.", schema: chatSchema, streams: events },
  "/v1/completions": { summary: "Texts that go on from prompts.", schema: completionSchema, streams: events },
  "/v1/responses": {
    summary: "An answer in OpenAI's newer form, without stored state.",
    schema: responseSchema,
    streams: events,
  },
  "/v1/embeddings": { summary: "Hidden states of texts, pooled.", schema: embeddingsSchema },
  "/score": { summary: "How near the texts of pairs are.", schema: scoreSchema },
  "/v1/score": { summary: "As /score.", schema: scoreSchema },
  "/rerank": { summary: "Documents by how near they are to a query.", schema: rerankSchema },
  "/v1/rerank": { summary: "As /rerank.", schema: rerankSchema },
  "/v2/rerank": { summary: "As /rerank.", schema: rerankSchema },
  "/v1/messages": { summary: "An answer in Anthropic's form.", schema: messageSchema, streams: events },
  "/v1/messages/count_tokens": { summary: "How many tokens such a prompt has.", schema: countedSchema },
  "/api/chat": { summary: "An answer in Ollama's form.", schema: ollamaChatSchema, streams: lines },
  "/api/generate": { summary: "A text in Ollama's form.", schema: generateSchema, streams: lines },
  "/api/embed": { summary: "Embeddings in Ollama's form.", schema: embedSchema },
  "/api/embeddings": { summary: "One embedding in Ollama's older form.", schema: ollamaEmbeddingsSchema },
  "/api/show": { summary: "What a model is, in Ollama's form.", schema: showSchema },
  "/tokenize": { summary: "The tokens of a text or a conversation.", schema: tokenizeSchema },
  "/detokenize": { summary: "The text of tokens.", schema: detokenizeSchema },
};

/** Fields that are unknown to a schema are ignored, so none is forbidden. */
const jsonSchemaOptions = { io: "input", unrepresentable: "any", target: "draft-2020-12" } as const;

export interface OpenApiPath {
  readonly path: string;
  readonly methods: readonly string[];
  /** Whether it needs the administrator's key where there are keys; open ones need none. */
  readonly access: "admin" | "key" | "open";
}

/** What readers of the document in this program need of it. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly jsonSchemaDialect: string;
  readonly info: object;
  readonly servers: readonly object[];
  readonly components: object;
  /** Path → method → operation, and `parameters`. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}

export interface OpenApiOperation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly responses: object;
  readonly summary?: string;
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: object }>>;
  };
}

/** The document of these paths; `version` is the server's. */
export function openApiDocument(paths: readonly OpenApiPath[], version: string): OpenApiDocument {
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Pagoda",
      version,
      description:
        "Fields that are not listed are ignored and logged. Errors of /v1/messages and /api have their own protocol's shape.",
    },
    servers: [{ url: "/" }],
    paths: Object.fromEntries(
      paths.map((path) => [openPath(path.path), pathItem(path)]),
    ) as OpenApiDocument["paths"],
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      schemas: { Error: errorSchema },
      responses: {
        Error: {
          description: "What is wrong, and what to change.",
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
        },
      },
    },
  };
}

const errorSchema = {
  type: "object",
  properties: {
    error: {
      anyOf: [
        { type: "string" },
        {
          type: "object",
          required: ["message", "type"],
          properties: {
            message: { type: "string" },
            type: { type: "string" },
            param: { type: ["string", "null"] },
            code: { type: ["string", "null"] },
          },
        },
      ],
    },
  },
  required: ["error"],
} as const;

/** `/v1/models/*` and `/docs/:name` as OpenAPI writes open parts. */
function openPath(path: string): string {
  return path.replace(/:(\w+)/g, "{$1}").replace(/\*$/, "{rest}");
}

function pathItem({ path, methods, access }: OpenApiPath): object {
  const names = [...openPath(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const parameters = names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  const items = methods.map((method) => [method.toLowerCase(), operation(path, method, access)]);
  return { ...(parameters.length === 0 ? {} : { parameters }), ...Object.fromEntries(items) };
}

function operation(path: string, method: string, access: OpenApiPath["access"]): OpenApiOperation {
  const known = method === "POST" ? operations[path] : undefined;
  const json = { "application/json": {} };
  const streams = known?.streams === undefined ? {} : { [known.streams]: {} };
  return {
    operationId: `${method.toLowerCase()}${path.replace(/\W+/g, "_")}`,
    ...(known === undefined ? {} : { summary: known.summary }),
    ...(access === "open" ? {} : { security: [{}, { key: [] }] }),
    ...(known === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: schemaOf(known) } } } }),
    responses: {
      "200": { description: "Done.", content: known === undefined ? { "*/*": {} } : { ...json, ...streams } },
      default: { $ref: "#/components/responses/Error" },
    },
  };
}

function schemaOf({ schema }: Operation): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, jsonSchemaOptions);
  return withoutProhibition(rest) as object;
}

/** zod's plain objects allow further fields and do not say so; loose ones say it. */
function withoutProhibition(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutProhibition);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(key === "additionalProperties" && value === false))
      .map(([key, value]) => [key, withoutProhibition(value)]),
  );
}
