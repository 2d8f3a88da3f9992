import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorCode, PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, GenerationRequest, ServedModel } from "../../core/generation.ts";
import { ConstraintCompiler } from "../constraint/constraint-compiler.ts";
import { letterTokenizer } from "../testing/letter-tokenizer.ts";
import { assertAtRest, collect, promptOf, requestFor, scriptedEngine } from "../testing/scripted-engine.ts";
import { InputProcessor } from "./input-processor.ts";
import type { TextTokenizer } from "./text-tokenizer.ts";

interface Refusal {
  readonly why: string;
  readonly request: GenerationRequest;
  readonly limits?: Parameters<typeof scriptedEngine>[0];
  readonly maxBias?: number;
  readonly modelMaxLen?: number;
  readonly tokenizer?: TextTokenizer;
  readonly code: ErrorCode;
  readonly message: RegExp;
  readonly hint: RegExp;
}

const refusals: readonly Refusal[] = [
  {
    why: "a prompt longer than the model's length",
    request: requestFor(promptOf(300)),
    code: "context_length_exceeded",
    message: /256 tokens, but 308 were requested: 300 in the prompt and 8 to generate/,
    hint: /^Shorten the prompt by at least 52 tokens\.$/,
  },
  {
    why: "a prompt longer than the length of this start, which the model allows",
    request: requestFor(promptOf(300)),
    modelMaxLen: 308,
    code: "context_length_exceeded",
    message: /256 tokens, but 308 were requested/,
    hint: /^Shorten the prompt by at least 52 tokens, or start with --max-model-len 308\.$/,
  },
  {
    why: "a prompt with an output under another name",
    request: { ...requestFor(promptOf(250)), maxTokensName: "max_completion_tokens" },
    code: "context_length_exceeded",
    message: /256 tokens, but 258/,
    hint: /^Set max_completion_tokens to at most 6\.$/,
  },
  {
    why: "a prompt that leaves less room than it asks for",
    request: requestFor(promptOf(250)),
    code: "context_length_exceeded",
    message: /256 tokens, but 258/,
    hint: /^Set max_tokens to at most 6\.$/,
  },
  {
    why: "a prompt that leaves no room at all",
    request: requestFor(promptOf(256), { maxTokens: null }),
    code: "context_length_exceeded",
    message: /256 tokens, but 257/,
    hint: /^Shorten the prompt by at least 1 token\.$/,
  },
  {
    why: "a request that the whole pool cannot hold",
    request: requestFor(promptOf(70), { maxTokens: 12 }),
    limits: { numBlocks: 5 },
    code: "context_length_exceeded",
    message: /at most 81 tokens, but 82/,
    hint: /max_tokens to at most 11, or start with a larger KV pool/,
  },
  {
    why: "a text too long whatever its tokens are, which is not cut into them",
    request: { ...requestFor([]), prompt: { kind: "text", text: "a".repeat(3000), addSpecialTokens: false } },
    code: "context_length_exceeded",
    message: /256 tokens of at most 8 characters, but the prompt has 3000 characters: at least 375 tokens/,
    hint: /to 2048 characters or less/,
  },
  {
    why: "a prompt of no tokens",
    request: requestFor([]),
    code: "invalid_request",
    message: /no tokens/,
    hint: /at least one/,
  },
  {
    why: "a token id outside the vocabulary",
    request: requestFor([1, 64]),
    code: "invalid_request",
    message: /Token id 64/,
    hint: /0 to 63/,
  },
  {
    why: "a text with a token that the tokenizer knows and the embedding has no row for",
    request: { ...requestFor([]), prompt: { kind: "text", text: "ab<64>", addSpecialTokens: false } },
    tokenizer: { ...letterTokenizer, encode: () => [0, 1, 64] },
    code: "invalid_request",
    message: /token 64 \("<64>"\), but the model's embedding has 64 rows/,
    hint: /without this one/,
  },
  {
    why: "a biased token outside the vocabulary",
    request: requestFor([1], { logitBias: new Map([[-1, 2]]) }),
    code: "invalid_request",
    message: /Token id -1/,
    hint: /0 to 63/,
  },
  {
    why: "more sequences than seats",
    request: requestFor([1], { n: 9 }),
    code: "invalid_request",
    message: /n is 9; this server allows at most 8/,
    hint: /--max-num-seqs 9/,
  },
  {
    why: "more log-probabilities than the server reports",
    request: requestFor([1], { logprobs: 9 }),
    code: "invalid_request",
    message: /logprobs is 9; this server allows at most 8/,
    hint: /--max-logprobs 9/,
  },
  {
    why: "min_tokens above max_tokens",
    request: requestFor([1], { minTokens: 9 }),
    code: "invalid_request",
    message: /min_tokens 9 is more than max_tokens 8/,
    hint: /at most 8/,
  },
  {
    why: "more biased tokens than a row holds",
    request: requestFor([1], {
      logitBias: new Map([
        [1, 1],
        [2, 1],
        [3, 1],
      ]),
      minTokens: 1,
      stopTokenIds: [9],
    }),
    maxBias: 4,
    code: "invalid_request",
    message: /3 entries and 2 banned stop tokens needs 5 entries; there are 4/,
    hint: /within 2 entries/,
  },
  {
    why: "messages for a model without a chat template",
    request: {
      ...requestFor([]),
      prompt: {
        kind: "chat",
        messages: [{ role: "user", content: "hello" }],
        addGenerationPrompt: true,
        continueFinalMessage: false,
        tools: null,
        templateVariables: {},
      },
    },
    code: "invalid_request",
    message: /no chat template/,
    hint: /v1\/completions/,
  },
];

describe("refused before anything is computed", () => {
  for (const { why, request, limits, maxBias, modelMaxLen, tokenizer, code, message, hint } of refusals) {
    test(why, async () => {
      const scripted = scriptedEngine(limits, {
        ...(maxBias === undefined ? {} : { maxBias }),
        ...(modelMaxLen === undefined ? {} : { modelMaxLen }),
        ...(tokenizer === undefined ? {} : { tokenizer }),
      });
      await assert.rejects(collect(scripted.engine, request), (error) => {
        assert.ok(error instanceof PagodaError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        return true;
      });
      assert.equal(scripted.model.numSteps, 0);
      await assertAtRest(scripted);
    });
  }
});

test("what just fits is served: the pool's last position, the model's last token", async () => {
  const scripted = scriptedEngine({ numBlocks: 5 });
  const { sequences } = await collect(scripted.engine, requestFor(promptOf(70), { maxTokens: 11 }));
  assert.equal(sequences[0]?.tokenIds.length, 11);
  const open = await collect(scripted.engine, requestFor(promptOf(70), { maxTokens: null }));
  assert.equal(open.sequences[0]?.tokenIds.length, 11);
  await assertAtRest(scripted);
});

test("a model's own max_new_tokens is where a request states none; a ceiling holds for all", async () => {
  const served = scriptedEngine().engine.model;
  const lengthsUnder = async (limits: Partial<ServedModel>) => {
    const { engine } = scriptedEngine({}, { served: { ...served, ...limits } });
    const lengths: (number | undefined)[] = [];
    for (const maxTokens of [null, 5]) {
      const { sequences } = await collect(engine, requestFor(promptOf(250), { maxTokens }));
      lengths.push(sequences[0]?.tokenIds.length);
    }
    return lengths;
  };
  const withDefault = (maxTokens: number) => ({
    defaultSampling: { ...served.defaultSampling, maxTokens },
  });
  assert.deepEqual(await lengthsUnder({}), [6, 5]);
  assert.deepEqual(await lengthsUnder(withDefault(3)), [3, 5]);
  // More than there is room for is no error where nobody asked for it.
  assert.deepEqual(await lengthsUnder(withDefault(2048)), [6, 5]);
  assert.deepEqual(await lengthsUnder({ ...withDefault(2), maxTokensCeiling: 2 }), [2, 2]);
});

test("options that cannot work are refused with the change that does", () => {
  assert.throws(
    () => scriptedEngine({ maxNumSeqs: 65, maxNumBatchedTokens: 64 }),
    (error) => error instanceof PagodaError && /--max-num-seqs 64/.test(error.hint ?? ""),
  );
});

async function eventsOf(generation: AsyncIterable<GenerationEvent>): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of generation) events.push(event);
  return events;
}

describe("long texts, which are cut in slices", () => {
  const letters = (length: number) => "abcdefgh".repeat(length / 8);
  const longText = (text: string, sampling = {}): GenerationRequest => ({
    ...requestFor([], sampling),
    prompt: { kind: "text", text, addSpecialTokens: false },
  });
  const roomy = { maxModelLen: 8192, numBlocks: 600 };

  test("are served as short ones are", async () => {
    const scripted = scriptedEngine(roomy);
    const tokenIds = [...letterTokenizer.encode(letters(4000), { addSpecialTokens: false })];
    const expected = await collect(scriptedEngine(roomy).engine, requestFor(tokenIds));
    const answer = await collect(scripted.engine, longText(letters(4000)));
    assert.deepEqual(answer.prompt.promptTokenIds, tokenIds);
    assert.deepEqual(answer.sequences, expected.sequences);
    await assertAtRest(scripted);
  });

  test("are refused at the token that is one too many", async () => {
    let numCut = 0;
    const counting = {
      ...letterTokenizer,
      *encodeWithPauses(text: string) {
        for (let i = 1; i <= text.length; i++) {
          numCut = i;
          yield i;
        }
        return [];
      },
    };
    const scripted = scriptedEngine({ maxModelLen: 500 }, { tokenizer: counting, modelMaxLen: 1000 });
    await assert.rejects(
      collect(scripted.engine, longText(letters(3200))),
      (error) =>
        error instanceof PagodaError &&
        error.code === "context_length_exceeded" &&
        error.param === "prompt" &&
        /500 tokens, but the prompt alone has more/.test(error.message) &&
        /or start with a larger --max-model-len/.test(error.hint ?? ""),
    );
    assert.equal(numCut, 501);
    await assertAtRest(scripted);
  });

  test("leave nothing behind when their client leaves, or the engine closes, meanwhile", async () => {
    for (const end of ["abort", "close"] as const) {
      const leaving = new AbortController();
      let isPaused = (): void => undefined;
      const paused = new Promise<void>((resolve) => {
        isPaused = resolve;
      });
      let goesOn = true;
      const slow = {
        ...letterTokenizer,
        *encodeWithPauses() {
          while (goesOn) {
            isPaused();
            yield 1;
          }
          return [1, 2, 3];
        },
      };
      const scripted = scriptedEngine(roomy, { tokenizer: slow });
      const run = eventsOf(scripted.engine.generate(longText(letters(4000)), leaving.signal));
      await paused;
      if (end === "abort") {
        leaving.abort();
        assert.deepEqual(await run, []);
      } else {
        await scripted.engine.close();
        goesOn = false;
        await assert.rejects(run, /shutting down/);
      }
      assert.equal(scripted.model.numSteps, 0);
      await assertAtRest(scripted);
    }
  });

  test("keep their place before what arrives while they are cut", async () => {
    const input = new InputProcessor({
      limits: {
        maxModelLen: 8192,
        modelMaxLen: 8192,
        maxNumSeqs: 8,
        maxLogprobs: 8,
        numKvTokens: 8192,
        maxBiasEntries: 8,
        output: { defaultTokens: null, ceilingTokens: null },
        vocabularyWidth: 64,
      },
      tokenizer: letterTokenizer,
      chatTemplate: null,
      eosTokenIds: [],
      constraints: new ConstraintCompiler({
        tokenizer: letterTokenizer,
        vocabularyWidth: 64,
        capacityBytes: 0,
      }),
      clock: () => 0,
      drawSeed: () => 1,
    });
    const { signal } = new AbortController();
    const order: string[] = [];
    const [long, short] = await Promise.all([
      input.prepare(longText(letters(4000)), signal).finally(() => order.push("long")),
      input.prepare(requestFor([1]), signal).finally(() => order.push("short")),
    ]);
    assert.deepEqual(order, ["short", "long"]);
    assert.ok((long?.arrivalNumber ?? 0) < (short?.arrivalNumber ?? 0));
  });
});

describe("a prompt that is too long and may be cut", () => {
  const cut = async (
    length: number,
    truncation: GenerationRequest["truncation"],
    sampling: Parameters<typeof requestFor>[1] = {},
  ): Promise<readonly number[]> => {
    const scripted = scriptedEngine();
    const request = { ...requestFor(promptOf(length), sampling), truncation: truncation ?? null };
    const { prompt } = await collect(scripted.engine, request);
    await assertAtRest(scripted);
    return prompt.promptTokenIds;
  };

  test("keeps its last or its first tokens", async () => {
    const whole = promptOf(300);
    assert.deepEqual(await cut(300, { mostTokens: 10, side: "left" }), whole.slice(-10));
    assert.deepEqual(await cut(300, { mostTokens: 10, side: "right" }), whole.slice(0, 10));
    assert.deepEqual(await cut(7, { mostTokens: 10, side: "left" }), whole.slice(0, 7));
  });

  test("keeps as many as there is room for beside the output", async () => {
    const whole = promptOf(300);
    assert.deepEqual(
      await cut(300, { mostTokens: null, side: "left" }, { maxTokens: 20 }),
      whole.slice(300 - 236),
    );
  });

  test("is refused where what is kept is still too long", async () => {
    await assert.rejects(cut(300, { mostTokens: 255, side: "left" }), /256 tokens, but 263 were requested/);
  });

  test("as a text: the tokens are those of the whole text, although not all of it is read", async () => {
    const scripted = scriptedEngine();
    const text = Array.from({ length: 100_000 }, (_, i) => "abcdefghijklm".charAt((i * i) % 13)).join("");
    const { prompt } = await collect(scripted.engine, {
      ...requestFor([], { maxTokens: 1 }),
      prompt: { kind: "text", text, addSpecialTokens: false },
      truncation: { mostTokens: 30, side: "left" },
    });
    assert.deepEqual(
      prompt.promptTokenIds,
      letterTokenizer.encode(text, { addSpecialTokens: false }).slice(-30),
    );
    await assertAtRest(scripted);
  });
});
