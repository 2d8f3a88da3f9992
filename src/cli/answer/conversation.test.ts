import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "./conversation.ts";

function typedInto(conversation: Conversation, ...lines: string[]): string[] {
  return lines.map((line) => conversation.typed(line).kind);
}

const contents = ({ messages }: Conversation) => messages.map(({ role, content }) => `${role}: ${content}`);

test("questions and answers alternate; an empty line asks nothing", () => {
  const conversation = new Conversation();
  assert.deepEqual(typedInto(conversation, "", "  ", " hi "), ["none", "none", "ask"]);
  conversation.answered("hello");
  assert.deepEqual(typedInto(conversation, "and you?"), ["ask"]);
  assert.deepEqual(contents(conversation), ["user: hi", "assistant: hello", "user: and you?"]);
});

test("a text of several lines: between fences, and with a backslash at the end of a line", () => {
  const conversation = new Conversation();
  assert.deepEqual(typedInto(conversation, '"""first', "", "/not a command", 'last"""'), [
    "none",
    "none",
    "none",
    "ask",
  ]);
  assert.deepEqual(typedInto(conversation, "a \\"), ["none"]);
  assert.ok(conversation.goesOn);
  assert.deepEqual(typedInto(conversation, "b"), ["ask"]);
  assert.ok(!conversation.goesOn);
  assert.deepEqual(typedInto(conversation, '"""', "x", '"""', '"""one line"""', '""""""'), [
    "none",
    "none",
    "ask",
    "ask",
    "none",
  ]);
  assert.deepEqual(contents(conversation), [
    "user: first\n\n/not a command\nlast",
    "user: a \nb",
    "user: x",
    "user: one line",
  ]);
});

test("commands: forget, ask again, a system message, leave", () => {
  const conversation = new Conversation();
  assert.deepEqual(typedInto(conversation, "/undo", "/retry", "/system be brief", "one"), [
    "say",
    "say",
    "say",
    "ask",
  ]);
  conversation.answered("1");
  typedInto(conversation, "two");
  conversation.answered("2");
  assert.deepEqual(typedInto(conversation, "/undo"), ["say"]);
  assert.deepEqual(contents(conversation), ["system: be brief", "user: one", "assistant: 1"]);
  assert.deepEqual(typedInto(conversation, "/retry"), ["ask"]);
  assert.deepEqual(contents(conversation), ["system: be brief", "user: one"]);
  assert.deepEqual(typedInto(conversation, "/clear"), ["say"]);
  assert.deepEqual(contents(conversation), ["system: be brief"]);
  typedInto(conversation, "/system");
  assert.deepEqual(contents(conversation), []);
  const unknown = conversation.typed("/halp");
  assert.match(unknown.kind === "say" ? unknown.text : "", /There is no command \/halp/);
  assert.deepEqual(typedInto(conversation, "/exit"), ["leave"]);
});

test("a question that could not be answered is withdrawn", () => {
  const conversation = new Conversation();
  typedInto(conversation, "much too long");
  conversation.withdraw();
  conversation.withdraw();
  assert.deepEqual(conversation.messages, []);
});
