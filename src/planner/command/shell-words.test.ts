import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { commandText, shellCommands } from "./shell-words.ts";

test("words are split as a shell splits them", () => {
  assert.deepEqual(shellCommands(`vllm serve m --a 'x y' --b "q\\"r \\n" \\\n --c=d\\ e ''`), [
    ["vllm", "serve", "m", "--a", "x y", "--b", 'q"r \\n', "--c=d e", ""],
  ]);
  assert.throws(() => shellCommands("vllm serve 'm"), /has a ' that is never closed/);
});

test("several commands, pipes, redirections and comments", () => {
  assert.deepEqual(shellCommands("cd /models && export A=1; vllm serve m 2>&1 | tee log.txt # as root"), [
    ["cd", "/models"],
    ["export", "A=1"],
    ["vllm", "serve", "m"],
    ["tee", "log.txt"],
  ]);
  assert.deepEqual(shellCommands("vllm serve m > out.log 2> err.log --port 1 &"), [
    ["vllm", "serve", "m", "--port", "1"],
  ]);
});

test("lines go on behind a backslash, a backtick or a caret, and where the next one begins with a flag", () => {
  const expected = [["vllm", "serve", "m", "--tp", "2", "--port", "1"]];
  for (const text of [
    "vllm serve m \\\n  --tp 2 \\  \r\n --port 1",
    "vllm serve m `\n  --tp 2 `\n --port 1",
    "vllm serve m ^\r\n  --tp 2 ^\r\n --port 1",
    "vllm serve m\n  --tp 2\n  --port 1\n",
  ])
    assert.deepEqual(shellCommands(text), expected, text);
  assert.deepEqual(shellCommands("vllm serve m\ncurl x"), [
    ["vllm", "serve", "m"],
    ["curl", "x"],
  ]);
});

test("quotes and dashes of word processors are read as the typed ones", () => {
  assert.deepEqual(
    shellCommands(
      "vllm serve m \u2014\u0061pi-key \u201ca b\u201d \u2013\u2013tp 2".replace("\u2013\u2013", "\u2014"),
    ),
    [["vllm", "serve", "m", "--api-key", "a b", "--tp", "2"]],
  );
});

test("any words, written as a command, are split into the same words", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }), (words) => {
      // Typographic quotes, spaces and dashes are what the reader repairs on purpose.
      fc.pre(
        !words.some((word) =>
          /[\u00a0\u2007\u202f\u2013\u2014\u2018\u2019\u201c-\u201e]|[\\`^][ \t]*\r?\n|[\\`^][ \t]+#|\n\s*-/.test(
            word,
          ),
        ),
      );
      assert.deepEqual(shellCommands(commandText(words)), [words]);
    }),
    { numRuns: 500 },
  );
});

test("a quoted word that looks like a continuation with a comment stays a word", () => {
  for (const word of ["^ # ", "\\ # x", "` #"])
    assert.deepEqual(shellCommands(commandText(["vllm", "serve", "m", "--a", word])), [
      ["vllm", "serve", "m", "--a", word],
    ]);
});
