import assert from "node:assert/strict";
import { test } from "node:test";
import { gib, mib } from "../../../../core/byte-size.ts";
import { PagodaError } from "../../../../core/errors.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import { type Budget, resolveBudget as resolve } from "./budget.ts";
import type { BudgetInputs, Cap, PoolRule } from "./budget-inputs.ts";
import { totalBytesAt } from "./pool-size.ts";
import { isRefusal } from "./refusals.ts";

const bytesPerBlock = mib / 4;
const flag = <T>(value: T, why: string): Resolved<T> => ({ value, from: "flag", why });
const cap = (value: Cap): Resolved<Cap> => flag(value, "--memory");
const pool = (value: PoolRule): Resolved<PoolRule> => flag(value, `--pool-${value.kind}`);

/** 200 MiB of fixed parts plus 4 KiB for each block and 16 B for each token of length; 16 tokens in 0.25 MiB. */
function inputs(changed: Partial<BudgetInputs> = {}): BudgetInputs {
  return {
    cap: null,
    pool: null,
    maxModelLen: null,
    modelMaxLen: 8192,
    leastUsefulLen: 300,
    maxNumSeqs: 32,
    blockSize: 16,
    bytesPerBlock,
    device: { totalBytes: 16 * gib, availableBytes: 12 * gib },
    fixedBytesAt: ({ numBlocks, maxModelLen }) => 200 * mib + 4096 * numBlocks + 16 * maxModelLen,
    ...changed,
  };
}

function resolveBudget(given: BudgetInputs): Budget {
  const budget = resolve(given);
  if (isRefusal(budget)) assert.fail(budget.refusal);
  return budget;
}

test("the pool follows its dialect", () => {
  const cases: [string, Partial<BudgetInputs>, number][] = [
    ["neither: 1 GiB", {}, 4096],
    ["neither: what max_num_seqs × max_model_len needs", { maxNumSeqs: 2 }, 1024],
    [
      "neither: a quarter of what is available",
      { device: { totalBytes: 16 * gib, availableBytes: gib } },
      1024,
    ],
    ["blocks", { pool: pool({ kind: "blocks", numBlocks: 777 }) }, 777],
    ["tokens are whole blocks", { pool: pool({ kind: "tokens", numTokens: 8193 }) }, 513],
    ["bytes are whole blocks", { pool: pool({ kind: "kvBytes", bytes: gib + 1 }) }, 4096],
  ];
  for (const [name, changed, numBlocks] of cases)
    assert.equal(resolveBudget(inputs(changed)).numBlocks, numBlocks, name);
});

test("with a cap alone the pool is what it leaves, and not one block less", () => {
  for (const bytes of [700 * mib, 3 * gib]) {
    const given = inputs({ cap: cap({ kind: "instanceBytes", bytes }) });
    const { numBlocks, maxModelLen, capBytes } = resolveBudget(given);
    const shape = { numBlocks, maxModelLen: maxModelLen.value };
    assert.equal(capBytes, bytes);
    assert.ok(totalBytesAt(given, shape) <= bytes);
    assert.ok(totalBytesAt(given, { ...shape, numBlocks: numBlocks + 1 }) > bytes);
  }
});

test("a fraction of the total is of the total, a fraction of the free of what is left or the cap leaves", () => {
  const ofTotal = resolveBudget(inputs({ cap: cap({ kind: "fractionOfTotal", fraction: 0.25 }) }));
  assert.equal(ofTotal.capBytes, 4 * gib);
  const half = pool({ kind: "fractionOfFree", fraction: 0.5 });
  for (const [given, ceiling] of [
    [inputs({ pool: half }), 12 * gib],
    [inputs({ pool: half, cap: cap({ kind: "instanceBytes", bytes: 2 * gib }) }), 2 * gib],
    [inputs({ pool: half, cap: cap({ kind: "instanceBytes", bytes: 12 * gib }) }), 12 * gib],
  ] as const) {
    const { numBlocks, maxModelLen } = resolveBudget(given);
    const free = ceiling - given.fixedBytesAt({ numBlocks, maxModelLen: maxModelLen.value });
    assert.ok(numBlocks * bytesPerBlock <= free / 2 && (numBlocks + 1) * bytesPerBlock > free / 2 - 8192);
  }
});

test("a length nobody asked for is lowered to what the pool holds, and says so", () => {
  for (const maxModelLen of [null, flag("auto" as const, "--max-model-len auto")]) {
    const budget = resolveBudget(
      inputs({ maxModelLen, cap: cap({ kind: "instanceBytes", bytes: 300 * mib }) }),
    );
    assert.equal(budget.maxModelLen.from, "derived");
    assert.ok(budget.maxModelLen.value < 8192 && budget.maxModelLen.value > 5000);
    assert.ok(budget.numBlocks * 16 >= budget.maxModelLen.value);
    assert.match(budget.notes.join(), new RegExp(`${budget.maxModelLen.value} instead of the model's 8192`));
  }
});

test("too little is refused with need and have", () => {
  const cases: [string, Partial<BudgetInputs>, RegExp][] = [
    [
      "length under a cap",
      { cap: cap({ kind: "instanceBytes", bytes: 300 * mib }), maxModelLen: flag(8192, "--max-model-len") },
      /needs 330\.1 MiB: .*--memory allows 300\.0 MiB\.$/,
    ],
    [
      "weights under a cap",
      { cap: cap({ kind: "instanceBytes", bytes: 150 * mib }) },
      /needs .*--memory allows 150\.0 MiB\.$/,
    ],
    [
      "a pool that does not fit",
      { cap: cap({ kind: "instanceBytes", bytes: gib }), pool: pool({ kind: "blocks", numBlocks: 5000 }) },
      /needs 1\.44 GiB.*80000 tokens\. --memory allows 1\.00 GiB\.$/,
    ],
    [
      "a pool too small for the length",
      { pool: pool({ kind: "tokens", numTokens: 4096 }), maxModelLen: flag(8192, "--max-model-len") },
      /holds 4096 tokens in 64\.0 MiB, and one sequence of 8192 tokens needs 128\.0 MiB\.$/,
    ],
    [
      "the device itself",
      { device: { totalBytes: 16 * gib, availableBytes: 100 * mib } },
      /The device has 100\.0 MiB available of 16\.00 GiB\.$/,
    ],
    [
      "a cap beyond what is available",
      { cap: cap({ kind: "instanceBytes", bytes: 100 * gib }) },
      /--memory allows the instance 100\.00 GiB, and the device has 12\.00 GiB available of 16\.00 GiB\.$/,
    ],
    [
      "a length of no use that nobody asked for",
      { cap: cap({ kind: "instanceBytes", bytes: 203 * mib }) },
      /for 304 tokens, the least that a chat is of use with\. --memory allows 203\.0 MiB\.$/,
    ],
  ];
  for (const [name, changed, message] of cases) {
    const budget = resolve(inputs(changed));
    assert.ok(isRefusal(budget), name);
    assert.match(budget.refusal, message, name);
  }
});

test("a pool that was stated may be smaller than a chat needs", () => {
  const budget = resolveBudget(inputs({ pool: pool({ kind: "tokens", numTokens: 48 }) }));
  assert.equal(budget.maxModelLen.value, 48);
});

test("a length that was asked for gets its pool, though nobody stated one", () => {
  const device = { totalBytes: 16 * gib, availableBytes: 400 * mib };
  const { numBlocks } = resolveBudget(inputs({ device, maxModelLen: flag(8192, "--max-model-len") }));
  assert.equal(numBlocks, 512);
});

test("under a cap no more is allocated than the sequences of a step can fill", () => {
  const capOf = (bytes: number) => ({ cap: cap({ kind: "instanceBytes", bytes }), maxNumSeqs: 2 });
  const large = resolveBudget(inputs(capOf(3 * gib)));
  assert.equal(large.numBlocks, 2 * 512);
  assert.ok(large.numUnusedBlocks > 10_000);
  assert.match(large.poolWhy, /the cap leaves more/);
  const tight = resolveBudget(inputs(capOf(400 * mib)));
  assert.equal(tight.numUnusedBlocks, 0);
  const stated = resolveBudget(
    inputs({ ...capOf(3 * gib), pool: pool({ kind: "fractionOfFree", fraction: 0.5 }) }),
  );
  assert.ok(stated.numBlocks > 5000);
});

test("a length beyond the model's own is refused with both numbers", () => {
  assert.throws(
    () => resolveBudget(inputs({ maxModelLen: flag(9000, "--session-len") })),
    (error) => error instanceof PagodaError && /--session-len asks for 9000.*8192/.test(error.message),
  );
});
