import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { numberTexts } from "../../core/json/numbers.ts";
import { messagesSchema, toChatMessages } from "./chat-messages.ts";

const sent = (messages: readonly unknown[]) => toChatMessages(messagesSchema.parse(messages));

const call = (args: unknown) => ({
  id: "call_1",
  type: "function",
  function: { name: "weather", arguments: args },
});

test("an answer as the OpenAI SDK dumps it brings no field that is null or empty", () => {
  const dumped = {
    role: "assistant",
    content: "Hello.",
    refusal: null,
    annotations: null,
    audio: null,
    function_call: null,
    tool_calls: null,
  };
  const plain = [{ role: "assistant", content: "Hello." }];
  assert.deepEqual(sent([dumped]), plain);
  assert.deepEqual(sent([{ ...dumped, tool_calls: [] }]), plain);
});

test("what a message has beside it stays: names, reasoning, ids of calls, false and 0", () => {
  const message = {
    role: "tool",
    content: "21",
    tool_call_id: "call_1",
    name: "weather",
    failed: false,
    try: 0,
  };
  assert.deepEqual(sent([message]), [message]);
});

test("the template gets a call's arguments parsed, whichever way they came", () => {
  const cases: readonly (readonly [unknown, unknown])[] = [
    ['{"city": "Köln", "days": 2}', { city: "Köln", days: 2 }],
    [{ city: "Köln" }, { city: "Köln" }],
    ["", {}],
    [null, {}],
    [undefined, {}],
    ["[1, 2]", [1, 2]],
    ['{"__proto__": {"x": 1}}', JSON.parse('{"__proto__": {"x": 1}}')],
  ];
  for (const [args, parsed] of cases)
    assert.deepEqual(sent([{ role: "assistant", content: null, tool_calls: [call(args)] }]), [
      { role: "assistant", content: "", tool_calls: [call(parsed)] },
    ]);
});

test("numbers of a call's arguments are remembered as they were written", () => {
  const [message] = sent([{ role: "assistant", tool_calls: [call('{"days": 2, "degrees": 21.0}')] }]);
  const calls = message?.tool_calls as readonly { function: { arguments: object } }[];
  assert.deepEqual([...(numberTexts(calls[0]?.function.arguments ?? {}) ?? [])], [["degrees", "21.0"]]);
});

test("arguments that are not JSON are refused by their place", () => {
  const message = { role: "assistant", tool_calls: [call("{}"), call('{"city": ')] };
  assert.throws(
    () => sent([{ role: "user", content: "hi" }, message]),
    (error) =>
      error instanceof PagodaError &&
      error.code === "invalid_request" &&
      error.param === "messages.1.tool_calls.1.function.arguments",
  );
});

test("calls of another shape are refused by the schema", () => {
  for (const calls of [{}, "x", [null], [{}], [{ function: {} }], [call(5)]])
    assert.ok(!messagesSchema.safeParse([{ role: "assistant", tool_calls: calls }]).success);
});
