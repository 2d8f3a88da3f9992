import assert from "node:assert/strict";
import { test } from "node:test";
import { plainAnswers } from "../../core/answer/tools.ts";
import type { Feature } from "../../core/capabilities.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, ServedModel } from "../../core/generation.ts";
import { defaultSamplingParams } from "../../core/sampling-params.ts";
import { parseChatRequest } from "../chat/chat-completions.ts";
import { parseCompletionRequest } from "../completions/completions.ts";
import type { GenerationExchange } from "../exchange.ts";

const model: ServedModel = {
  modelId: "m",
  root: "m",
  maxModelLen: 64,
  maxLogprobs: 4,
  defaultSampling: defaultSamplingParams,
  statedSampling: defaultSamplingParams,
  samplingOrigin: "a test",
  maxTokensCeiling: null,
  createdUnixSeconds: 0,
  hasChatTemplate: true,
  answerFormat: plainAnswers,
  facts: null,
  features: new Set<Feature>(),
  tokenizer: { specialTokens: {}, chatTemplate: null },
};
const identity = { answerId: "a", createdUnixSeconds: 0, modelName: "m", fingerprint: "fp" };
const messages = [{ role: "user", content: "hi" }];

const chat = (fields: object): GenerationExchange =>
  parseChatRequest({ messages, ...fields }, model, identity);
const complete = (fields: object): GenerationExchange =>
  parseCompletionRequest({ prompt: "hi", ...fields }, model, identity);

function requestOf(exchange: GenerationExchange): GenerationRequest {
  const [request] = exchange.requests;
  assert.ok(request !== undefined);
  return request;
}

function refusalOf(parse: () => unknown): PagodaError {
  try {
    parse();
  } catch (thrown) {
    assert.ok(thrown instanceof PagodaError, String(thrown));
    return thrown;
  }
  return assert.fail("it was accepted");
}

test("the names of other servers for the same field are honoured", () => {
  const cases: [fields: object, read: (request: GenerationRequest) => unknown, value: unknown][] = [
    [{ n_predict: 7 }, ({ sampling }) => sampling.maxTokens, 7],
    [{ num_predict: 7 }, ({ sampling }) => sampling.maxTokens, 7],
    [{ max_new_tokens: 7 }, ({ sampling }) => sampling.maxTokens, 7],
    [{ max_new_tokens: 7, max_tokens: 7 }, ({ sampling }) => sampling.maxTokens, 7],
    [{ n_predict: null, max_tokens: 5 }, ({ sampling }) => sampling.maxTokens, 5],
    [{ max_tokens: 9, min_new_tokens: 3 }, ({ sampling }) => sampling.minTokens, 3],
    [{ repeat_penalty: 1.5, repeat_last_n: -1 }, ({ sampling }) => sampling.repetitionPenalty, 1.5],
    [{ stop_sequences: ["x"] }, ({ sampling }) => sampling.stopStrings, ["x"]],
    [{ sampling_seed: 4 }, ({ sampling }) => sampling.seed, 4],
  ];
  for (const [fields, read, value] of cases)
    for (const parse of [chat, complete]) {
      const exchange = parse(fields);
      assert.deepEqual(read(requestOf(exchange)), value, JSON.stringify(fields));
      assert.deepEqual(exchange.unknownFields, []);
    }
  // llama.cpp's "until the context is full".
  for (const parse of [chat, complete])
    assert.equal(requestOf(parse({ n_predict: -1 })).sampling.maxTokens, null);
  assert.equal(requestOf(complete({})).sampling.maxTokens, 16);
  assert.equal(requestOf(complete({ max_tokens: 0 })).sampling.maxTokens, 0);
});

test("enable_thinking reaches the template under its own name", () => {
  const { prompt } = requestOf(chat({ enable_thinking: false, chat_template_kwargs: { style: "short" } }));
  assert.ok(prompt.kind === "chat");
  assert.deepEqual(prompt.templateVariables, { enable_thinking: false, style: "short" });
  const contradiction = { enable_thinking: false, chat_template_kwargs: { enable_thinking: true } };
  assert.equal(refusalOf(() => chat(contradiction)).param, "enable_thinking");
});

test("two names of one field that differ are refused; an error names the one that was sent", () => {
  const twice = refusalOf(() => complete({ n_predict: 3, max_tokens: 4 }));
  assert.deepEqual(
    [twice.param, twice.message],
    ["n_predict", "'n_predict' and 'max_tokens' mean the same and have different values."],
  );
  assert.equal(refusalOf(() => complete({ stop_sequences: 5 })).param, "stop_sequences");
  for (const ask of [chat, complete]) {
    const limits = { max_completion_tokens: 3, max_tokens: 4 };
    assert.equal(refusalOf(() => ask(limits)).param, "max_completion_tokens");
    for (const agreed of [
      { ...limits, max_tokens: 3 },
      { ...limits, max_tokens: null },
    ])
      assert.equal(requestOf(ask(agreed)).sampling.maxTokens, 3);
  }
});

/** What would change the text, and a value of each that does not. */
const askingFields: readonly [name: string, value: unknown, harmless?: unknown][] = [
  ["grammar", 'root ::= "a"', ""],
  ["json_schema", { type: "object" }],
  ["guided_json", {}],
  ["structured_outputs", { regex: "a" }],
  ["response_format", { type: "json_object" }, { type: "text" }],
  ["regex", "a+"],
  ["ebnf", "root ::= x"],
  ["format", "json"],
  ["lora", [{ id: 0, scale: 1 }], []],
  ["lora_path", "x"],
  ["adapter_id", "x"],
  ["system", "Be brief.", ""],
  ["options", { temperature: 0 }],
  ["mirostat", 2, 0],
  ["typical_p", 0.5, 1],
  ["xtc_probability", 0.1, 0],
  ["dry_multiplier", 0.8, 0],
  ["top_n_sigma", 1, -1],
  ["samplers", ["top_k"]],
  ["repeat_last_n", 64, -1],
  ["no_repeat_ngram_size", 3, 0],
  ["do_sample", false, true],
  ["best_of", 2, 1],
  ["use_beam_search", true, false],
  ["truncate", 5],
  ["n_keep", 5, 0],
  ["n_probs", 5, 0],
  ["image_data", [{}], []],
  ["thinking", { type: "enabled" }],
  ["reasoning_budget", 10, -1],
  ["chat_template", "{{ x }}"],
  ["cache_salt", "x"],
  ["watermark", true, false],
];

test("fields of other servers that would change the text are refused by name, never ignored", () => {
  for (const [name, value, harmless = null] of askingFields)
    for (const parse of [chat, complete]) {
      const refusal = refusalOf(() => parse({ [name]: value }));
      assert.deepEqual([refusal.code, refusal.param], ["invalid_request", name]);
      assert.match(refusal.message, new RegExp(`^This model's engine does not support '${name}'\\.$`));
      assert.match(refusal.hint ?? "", /^[A-Z].*\.$/);
      assert.deepEqual(parse({ [name]: harmless }).unknownFields, [], name);
    }
});

test("tools that must not be called are shown to the template, as on vLLM", () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const { prompt } = requestOf(chat({ tools, tool_choice: "none" }));
  assert.ok(prompt.kind === "chat");
  assert.deepEqual(prompt.tools, tools);
  for (const tool_choice of [undefined, "auto"])
    assert.equal(refusalOf(() => chat({ tools, tool_choice })).param, "tools");
  assert.equal(refusalOf(() => chat({ tools: [], tool_choice: "required" })).param, "tool_choice");
  const none = requestOf(chat({ tools: [] })).prompt;
  assert.ok(none.kind === "chat" && none.tools === null);
});

test("a feature of the engine that no field carries is still refused: it would be ignored", () => {
  const able = { ...model, features: new Set<Feature>(["infill"]) };
  const refusal = refusalOf(() => parseCompletionRequest({ prompt: "a", suffix: "x" }, able, identity));
  assert.equal(refusal.param, "suffix");
});

test("a field is to be left out only where the request is whole without it", () => {
  const hintOfChat = (body: object): string | undefined =>
    refusalOf(() => parseChatRequest(body, model, identity)).hint;
  const messages = [{ role: "user", content: "a" }];
  assert.equal(hintOfChat({ messages, n: 0 }), "Correct 'n', or leave it out.");
  assert.equal(hintOfChat({ messages: [] }), "Correct 'messages'.");
  assert.equal(hintOfChat({ messages: null }), "Correct 'messages'.");
  assert.equal(hintOfChat({ messages: ["a"] }), "Correct 'messages.0'.");
  assert.equal(hintOfChat({}), "Send an array.");
  assert.equal(refusalOf(() => complete({ prompt: [] })).hint, "Correct 'prompt'.");
  assert.match(
    refusalOf(() => complete({ prompt: undefined })).hint ?? "",
    /^Send a text, an array of texts, /,
  );
});

test("what is wrong with a field is said in our words: what it must be, and what it is", () => {
  const promptComplaint =
    "'prompt' must be a text, an array of texts, an array of token ids, or an array of arrays of token ids, but it is";
  const cases: [fields: object, message: string][] = [
    [{ temperature: "hot" }, "'temperature' must be a number, but it is \"hot\"."],
    [{ temperature: 101 }, "'temperature' must be at most 100, but it is 101."],
    [{ top_p: 0 }, "'top_p' must be above 0, but it is 0."],
    [{ n: 1.5 }, "'n' must be a whole number, but it is 1.5."],
    [
      { stop: new Array(65).fill("a") },
      "'stop' must be a text or an array of at most 64 texts, but it is an array of 65 values.",
    ],
    [{ seed: "x".repeat(1000) }, "'seed' must be a number, but it is a text of 1000 characters."],
    [{ stream: "yes" }, "'stream' must be true or false, but it is \"yes\"."],
    [{ logit_bias: { 5: 101 } }, "'logit_bias.5' must be at most 100, but it is 101."],
    [{ prompt: undefined }, "'prompt' is missing."],
    [{ prompt: [] }, `${promptComplaint} an empty array.`],
    [{ prompt: ["a", 1] }, `${promptComplaint} ["a",1].`],
    [{ prompt: [[1], ["a"]] }, `${promptComplaint} an array of 2 values.`],
    [
      { temperature: JSON.parse("1e400") },
      "'temperature' must be a number, but it is beyond 1.7976931348623157e+308, the largest number.",
    ],
  ];
  for (const [fields, message] of cases) assert.equal(refusalOf(() => complete(fields)).message, message);
  assert.equal(refusalOf(() => parseChatRequest({}, model, identity)).message, "'messages' is missing.");
  assert.equal(
    refusalOf(() => parseChatRequest({ messages: [] }, model, identity)).message,
    "'messages' must hold at least one message, but it holds 0.",
  );
});
