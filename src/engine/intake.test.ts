import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorCode, PagodaError } from "../core/errors.ts";
import type { GenerationRequest } from "../core/generation.ts";
import { assertAtRest, collect, promptOf, requestFor, scriptedEngine } from "./testing/scripted-engine.ts";

interface Refusal {
  readonly why: string;
  readonly request: GenerationRequest;
  readonly limits?: Parameters<typeof scriptedEngine>[0];
  readonly maxBias?: number;
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
    hint: /shorten the prompt by at least 52/,
  },
  {
    why: "a prompt that leaves less room than it asks for",
    request: requestFor(promptOf(250)),
    code: "context_length_exceeded",
    message: /256 tokens, but 258/,
    hint: /max_tokens to at most 6,/,
  },
  {
    why: "a prompt that leaves no room at all",
    request: requestFor(promptOf(256), { maxTokens: null }),
    code: "context_length_exceeded",
    message: /256 tokens, but 257/,
    hint: /shorten the prompt by at least 1 /,
  },
  {
    why: "a request that the whole pool cannot hold",
    request: requestFor(promptOf(70), { maxTokens: 12 }),
    limits: { numBlocks: 5 },
    code: "context_length_exceeded",
    message: /at most 81 tokens, but 82/,
    hint: /max_tokens to at most 11, or start the server with a larger KV pool/,
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
    message: /token id 64/,
    hint: /0 to 63/,
  },
  {
    why: "a biased token outside the vocabulary",
    request: requestFor([1], { logitBias: new Map([[-1, 2]]) }),
    code: "invalid_request",
    message: /token id -1/,
    hint: /0 to 63/,
  },
  {
    why: "more sequences than seats",
    request: requestFor([1], { n: 9 }),
    code: "invalid_request",
    message: /n is 9; the most this server allows is 8/,
    hint: /--max-num-seqs 9/,
  },
  {
    why: "more log-probabilities than the server reports",
    request: requestFor([1], { logprobs: 9 }),
    code: "invalid_request",
    message: /logprobs is 9; the most this server allows is 8/,
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
  for (const { why, request, limits, maxBias, code, message, hint } of refusals) {
    test(why, async () => {
      const scripted = scriptedEngine(limits, maxBias === undefined ? {} : { maxBias });
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

test("options that cannot work are refused with the change that does", () => {
  assert.throws(
    () => scriptedEngine({ maxNumSeqs: 65, maxNumBatchedTokens: 64 }),
    (error) => error instanceof PagodaError && /--max-num-seqs 64/.test(error.hint ?? ""),
  );
});
