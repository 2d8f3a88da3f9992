import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest } from "../../core/generation.ts";
import { letterTokenizerEos } from "../testing/letter-tokenizer.ts";
import { assertAtRest, collect, promptOf, requestFor, scriptedEngine } from "../testing/scripted-engine.ts";

type Sampling = Parameters<typeof requestFor>[1];

const filtered = (sampling: Sampling): GenerationRequest =>
  requestFor(promptOf(20), { temperature: 2, maxTokens: 60, ...sampling });

test("only allowed tokens are generated, greedily and by chance, beside others that are free", async () => {
  const scripted = scriptedEngine();
  const allowedTokenIds = [10, 11, 40];
  const free = collect(scripted.engine, filtered({ seed: 5 }));
  for (const sampling of [{ seed: 1 }, { seed: 2, n: 3 }, { temperature: 0 }]) {
    const { sequences } = await collect(scripted.engine, filtered({ ...sampling, allowedTokenIds }));
    for (const { tokenIds } of sequences) {
      assert.equal(tokenIds.length, 60);
      assert.ok(tokenIds.every((tokenId) => allowedTokenIds.includes(tokenId)));
    }
  }
  const { sequences } = await free;
  assert.ok(sequences[0]?.tokenIds.some((tokenId) => !allowedTokenIds.includes(tokenId)));
  await assertAtRest(scripted);
});

test("bad words are never generated, of one token or of several", async () => {
  const scripted = scriptedEngine();
  // Of eight letters, pairs come often.
  const allowedTokenIds = Array.from({ length: 8 }, (_, i) => 10 + i);
  const [first, second, third] = scripted.engine.detokenize(allowedTokenIds.slice(0, 3));
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const badWords = [first, `${second}${third}`];
  for (let seed = 1; seed <= 6; seed++) {
    const { sequences } = await collect(scripted.engine, filtered({ seed, allowedTokenIds, badWords }));
    const text = sequences[0]?.text ?? "";
    assert.equal(text.length, 60);
    for (const word of badWords) assert.ok(!text.includes(word), `${word} in ${text}`);
    assert.ok(text.includes(second) && text.includes(third), text);
  }
  await assertAtRest(scripted);
});

test("where a rule and a filter leave no token, the request ends with an error, and no other", async () => {
  const scripted = scriptedEngine();
  const other = collect(scripted.engine, requestFor(promptOf(10, 4), { maxTokens: 30 }));
  const rule = { kind: "regex", pattern: "[x-z]{4}" } as const;
  const request = {
    ...filtered({ allowedTokenIds: [10, 11] }),
    constraint: { rule, param: "regex", reasoning: null },
  };
  await assert.rejects(collect(scripted.engine, request), (error) => {
    assert.ok(error instanceof PagodaError && error.code === "invalid_request");
    assert.equal(error.param, "allowed_token_ids");
    return true;
  });
  assert.equal((await other).sequences[0]?.tokenIds.length, 30);
  await assertAtRest(scripted);
});

test("ids outside the vocabulary, words without tokens and ends that must not come are refused", async () => {
  const scripted = scriptedEngine();
  const cases: [Sampling, string][] = [
    [{ allowedTokenIds: [1, 1e6] }, "allowed_token_ids"],
    [{ badWords: ["  "] }, "bad_words"],
    [{ allowedTokenIds: [letterTokenizerEos], minTokens: 2 }, "allowed_token_ids"],
  ];
  for (const [sampling, param] of cases)
    await assert.rejects(collect(scripted.engine, filtered(sampling)), (error) => {
      assert.ok(error instanceof PagodaError && error.code === "invalid_request", String(error));
      assert.equal(error.param, param);
      return true;
    });
  await assertAtRest(scripted);
});
