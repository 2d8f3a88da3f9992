/** Every parameter that clients' packages and vLLM know is read, ignored for a reason, or refused by name. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import {
  type AuditedEndpoint,
  auditedEndpoints,
  document,
  parametersOf,
  sentenceOf,
} from "../scripts/api-parameters/parameter-table.ts";
import { treatmentOf } from "../src/api/fields/endpoint-fields.ts";
import { parseBody } from "../src/api/fields/parse-body.ts";
import { loadingOptions, withOptionsAsFields } from "../src/api/ollama/ollama-options.ts";
import type { Feature } from "../src/core/capabilities.ts";
import { PagodaError } from "../src/core/errors.ts";

/** What the engine of this process has (src/instance/served-model.ts). */
const ownFeatures: ReadonlySet<Feature> = new Set<Feature>([
  "cache-salt",
  "prompt-truncation",
  "request-chat-template",
  "structured-output",
  "token-filter",
  "tools",
]);

for (const endpoint of auditedEndpoints)
  test(`${endpoint.path}: every known parameter has a place`, () => {
    const parameters = parametersOf(endpoint);
    assert.ok(parameters.size >= 4, `only ${parameters.size} parameters were found`);
    const homeless = [...parameters].filter(([name]) => sentenceOf(name, endpoint) === null);
    assert.deepEqual(homeless, [], "read them, ignore them with a reason, or refuse them");
  });

for (const endpoint of auditedEndpoints)
  test(`${endpoint.path}: bodies are treated as the table says`, () => {
    // The entries of Ollama's options are in the list themselves.
    for (const name of parametersOf(endpoint).keys()) if (name !== "options") assertTreated(name, endpoint);
  });

test("docs/api-parameters.md is what scripts/build-api-parameters.ts writes", () => {
  const written = readFileSync(resolve(import.meta.dirname, "../docs/api-parameters.md"), "utf8");
  assert.equal(written, document(), "run `npm run docs:parameters`");
});

/** No field takes such a value, and no field that is refused takes it as harmless. */
const odd = { odd: [true] };

function assertTreated(name: string, endpoint: AuditedEndpoint): void {
  const { path } = endpoint;
  const outcome = outcomeOf(endpoint, name);
  switch (treatmentOf(name, endpoint.fields)?.kind) {
    case "refused":
      assert.equal(outcome, name, `${path} must refuse '${name}'`);
      return;
    case "read":
      assert.notEqual(outcome, "unknown", `${path} must read '${name}'`);
      if (!takesObjects.has(name)) assert.equal(outcome, name, `${path} must check '${name}'`);
      return;
    case "ignored":
    case undefined:
      // `options` of Ollama and what it says of loading are taken out before.
      assert.equal(outcome, null, `${path} must ignore '${name}'`);
  }
}

/** Fields whose values are objects with entries of any name. */
const takesObjects: ReadonlySet<string> = new Set([
  "chat_template_kwargs",
  "format",
  "metadata",
  "output_config",
  "reasoning",
  "stream_options",
  "structured_outputs",
  "text",
]);

/** The field that a body is refused for, "unknown" where it would be ignored and logged, null where it is accepted. */
function outcomeOf({ path, fields, leastBody }: AuditedEndpoint, name: string): string | null {
  const isOllama = path.startsWith("/api/");
  const body =
    isOllama && loadingOptions.has(name) ? { options: { [name]: odd } } : { ...leastBody, [name]: odd };
  try {
    const plain = isOllama ? withOptionsAsFields(body) : body;
    return parseBody(plain, fields, ownFeatures).unknownFields.length > 0 ? "unknown" : null;
  } catch (thrown) {
    assert.ok(thrown instanceof PagodaError && thrown.code === "invalid_request", String(thrown));
    return thrown.param?.split(".")[0] ?? null;
  }
}
