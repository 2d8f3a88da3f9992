/** @module The openai package against real servers, alone and behind a router: tools and structured output of a model that knows nothing. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Ajv } from "ajv";
import OpenAI from "openai";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";

/** Its mark says that calls are written as Hermes writes them; the model's context is short. */
const template =
  "{% for tool in tools or [] %}{{ tool.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}{% if false %}<tool_call></tool_call>{% endif %}";

const parameters = {
  type: "object",
  properties: {
    city: { type: "string", maxLength: 4 },
    days: { type: "integer", minimum: 1, maximum: 14 },
    unit: { enum: ["C", "F"] },
  },
  required: ["city", "days", "unit"],
  additionalProperties: false,
};
const tools = [
  { type: "function" as const, function: { name: "w", parameters } },
  {
    type: "function" as const,
    function: { name: "now", parameters: { type: "object", properties: {}, additionalProperties: false } },
  },
];
const isWeather = new Ajv().compile(parameters);

async function clientOf(t: TestContext, args: readonly string[]): Promise<OpenAI> {
  const pagoda = new PagodaProcess(t, [
    ...["serve", tinyModel, "--chat-template", template, "--served-model-name", "tiny"],
    ...["--port", "0", ...args],
  ]);
  return new OpenAI({ baseURL: `${await pagoda.ready()}/v1`, apiKey: "none", maxRetries: 0 });
}

const messages = [{ role: "user" as const, content: "a" }];

function checkCall(call: { readonly name: string; readonly arguments: string }): void {
  const given: unknown = JSON.parse(call.arguments);
  if (call.name === "now") assert.deepEqual(given, {});
  else {
    assert.equal(call.name, "w");
    assert.ok(isWeather(given), call.arguments);
  }
}

/** Texts that ended by themselves are checked; the tiny model may also run into its limit of tokens. */
async function checkTools(client: OpenAI): Promise<void> {
  let numCalls = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const common = {
      model: "tiny",
      messages,
      tools,
      seed,
      temperature: 1,
      max_tokens: 100,
      parallel_tool_calls: false,
    };
    const { choices } = await client.chat.completions.create({ ...common, tool_choice: "required" });
    const [choice] = choices;
    if (choice?.finish_reason === "length") continue;
    assert.equal(choice?.finish_reason, "tool_calls");
    assert.equal(choice.message.content, null);
    assert.equal(choice.message.tool_calls?.length, 1);
    for (const call of choice.message.tool_calls ?? []) {
      assert.ok(call.type === "function");
      assert.match(call.id, /^call_[0-9a-f]{24}$/);
      checkCall(call.function);
      numCalls++;
    }
  }
  assert.ok(numCalls >= 3, `${numCalls} of 6 answers ended`);
}

async function checkStreamedName(client: OpenAI): Promise<void> {
  const request = {
    model: "tiny",
    messages,
    tools,
    max_tokens: 100,
    seed: 3,
    tool_choice: { type: "function" as const, function: { name: "w" } },
  };
  const runner = client.chat.completions.stream(request);
  const pieces: string[] = [];
  runner.on("tool_calls.function.arguments.delta", ({ arguments_delta: piece }) => pieces.push(piece));
  const { choices } = await runner.finalChatCompletion();
  const call = choices[0]?.message.tool_calls?.[0];
  assert.ok(call?.type === "function" && call.function.name === "w");
  assert.equal(pieces.join(""), call.function.arguments);
  assert.ok(pieces.length > 5, "arguments come in pieces");
  if (choices[0]?.finish_reason === "stop") checkCall(call.function);
  const whole = await client.chat.completions.create(request);
  const same = whole.choices[0]?.message.tool_calls?.[0];
  assert.equal(same?.type === "function" && same.function.arguments, call.function.arguments);
}

async function checkSchemas(client: OpenAI): Promise<void> {
  const answers = await client.chat.completions.create({
    model: "tiny",
    messages,
    n: 4,
    seed: 5,
    max_tokens: 100,
    response_format: {
      type: "json_schema",
      json_schema: { name: "weather", strict: true, schema: parameters },
    },
  });
  const ended = answers.choices.filter(({ finish_reason: reason }) => reason === "stop");
  assert.ok(ended.length >= 2, `${ended.length} of 4 answers ended`);
  for (const { message } of ended)
    assert.ok(isWeather(JSON.parse(message.content ?? "")), message.content ?? "");
  const chosen = await client.chat.completions.create({
    ...{ model: "tiny", messages, seed: 2, temperature: 2 },
    // @ts-expect-error: vLLM's field
    structured_outputs: { choice: ["yes", "no"] },
  });
  assert.match(chosen.choices[0]?.message.content ?? "", /^(yes|no)$/);
  assert.equal(chosen.choices[0]?.finish_reason, "stop");
}

async function checkRefusals(client: OpenAI): Promise<void> {
  const schema = { type: "array", contains: { type: "string" } };
  const ask = (fields: object) => client.chat.completions.create({ model: "tiny", messages, ...fields });
  const format = { type: "json_schema", json_schema: { name: "x", schema } };
  await assert.rejects(ask({ response_format: format }), (error: unknown) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "response_format");
    assert.match(error.message, /'contains' cannot be enforced/);
    return true;
  });
  const unknown = { type: "function", function: { name: "none" } };
  await assert.rejects(
    ask({ tools, tool_choice: unknown }),
    /names the function 'none', which is not among 'tools'/,
  );
  await assert.rejects(ask({ tool_choice: "required" }), /'tools' is empty/);
  await assert.rejects(ask({ grammar: "root ::= a", regex: "a" }), /both say what the text must match/);
  await assert.rejects(ask({ grammar: 'root ::= root "a" | "b"' }), /left recursion/);
  await assert.rejects(ask({ regex: "(a" }), /a group that is not closed/);
}

test("a model that knows nothing calls functions with valid arguments, and writes what schemas say", async (t) => {
  const client = await clientOf(t, []);
  await checkTools(client);
  await checkStreamedName(client);
  await checkSchemas(client);
  await checkRefusals(client);
});

test("the same behind the router of two replicas", async (t) => {
  const client = await clientOf(t, ["--replicas", "2", "--memory", "300MiB"]);
  await checkTools(client);
  await checkStreamedName(client);
  await checkRefusals(client);
});
