import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { promptFrom, promptOfWords, runArguments } from "../answer/prompt-argument.ts";
import { PagodaProcess, runToEnd, tinyModel } from "../testing/pagoda-process.ts";

const keyboard = Object.assign(Readable.from([]), { isTTY: true });

test("the prompt is the argument, or what is piped in", async () => {
  assert.equal(await promptFrom("hi", keyboard), "hi");
  assert.equal(await promptFrom("-", Readable.from(["two\n", "lines\n"])), "two\nlines");
  assert.equal(await promptFrom(undefined, Readable.from(["piped"])), "piped");
  await assert.rejects(promptFrom(undefined, keyboard), /A prompt is missing/);
  await assert.rejects(promptFrom("-", Readable.from(["\n"])), /standard input is empty/);
});

test("one argument alone is the model or the prompt, whichever it is", () => {
  const given = (...texts: string[]) => runArguments(texts[0], texts[1], null);
  assert.deepEqual(given("Hello"), { model: null, prompt: "Hello" });
  assert.deepEqual(given("SmolLM2-135M-Instruct"), { model: "SmolLM2-135M-Instruct", prompt: undefined });
  assert.deepEqual(given(tinyModel), { model: tinyModel, prompt: undefined });
  assert.deepEqual(given("org/name", "Hello"), { model: "org/name", prompt: "Hello" });
  assert.deepEqual(given("typo.gguf", "Hello"), { model: "typo.gguf", prompt: "Hello" });
  assert.deepEqual(given(), { model: null, prompt: undefined });
  assert.deepEqual(runArguments("org/name", undefined, "m.gguf"), { model: "m.gguf", prompt: "org/name" });
  assert.throws(() => runArguments("a", "b", "m.gguf"), /The model is given twice: a and --model m\.gguf/);
});

test("a prompt without quotes, one before its model, and an empty one are refused with the command that was meant", async () => {
  const hintOf = (first: string, second: string): string | undefined => {
    try {
      runArguments(first, second, null);
    } catch (error) {
      if (error instanceof PagodaError) return error.hint;
    }
    return undefined;
  };
  assert.equal(hintOf("hi", "there"), 'Put a prompt of several words in quotes: pagoda run "hi there".');
  assert.equal(hintOf("Hi", "./m.gguf"), 'Write the model first: pagoda run ./m.gguf "Hi".');
  assert.throws(() => promptOfWords("what", ["is", "it"]), {
    hint: 'Put it in quotes: pagoda run "what is it".',
  });
  assert.throws(() => promptOfWords("org/name", ["is", "it"]), {
    hint: 'Put it in quotes: pagoda run org/name "is it".',
  });
  await assert.rejects(promptFrom("", keyboard), /The prompt is empty/);
});

test("an answer that finds no end is cut at a stated length, and told so", async (t) => {
  const args = ["run", "--model", tinyModel, "hello", "--backend", "reference"];
  const overridden = ["--override-generation-config", '{"temperature": 0, "max_new_tokens": 4}'];
  const cut = await runToEnd(t, [...args, ...overridden]);
  assert.equal(cut.code, 0);
  assert.equal(cut.stderr, "pagoda: The answer was cut after 4 tokens; --max-tokens allows more.\n");
  // A person who set the limit does not need the remark.
  const asked = await runToEnd(t, [...args, "--temperature", "0", "--max-tokens", "4"]);
  assert.deepEqual([asked.code, asked.stderr, asked.stdout], [0, "", cut.stdout]);
});

test("a piped prompt is answered as the same argument is", async (t) => {
  const options = ["--backend", "reference", "--temperature", "0.0", "--max-tokens", "3"];
  const expected = await runToEnd(t, ["run", tinyModel, "hello", ...options]);
  assert.equal(expected.code, 0, expected.stderr);
  for (const given of [["-"], []]) {
    const pagoda = new PagodaProcess(t, ["run", tinyModel, ...given, ...options]);
    pagoda.child.stdin.end("hello\n");
    assert.equal(await pagoda.exited, 0, pagoda.stderr);
    assert.equal(pagoda.stdout, expected.stdout);
  }
});

test("what is wrong with an option of an answer is said in its own words", async (t) => {
  const cases: [string[], RegExp][] = [
    [["--temperature", "abc"], /--temperature: 'abc' is not a number between 0 and 100/],
    [["--temperature", "101"], /--temperature: '101' is not a number between 0 and 100/],
    [
      ["--max-tokens", "99999", "--backend", "reference"],
      /99999 to generate\. set --max-tokens to at most \d+\.\n/i,
    ],
  ];
  for (const [options, expected] of cases) {
    const { code, stderr } = await runToEnd(t, ["run", tinyModel, "hello", ...options]);
    assert.equal(code, 1);
    assert.match(stderr, expected);
  }
});
