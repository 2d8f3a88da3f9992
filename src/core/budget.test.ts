import assert from "node:assert/strict";
import { test } from "node:test";
import { type BudgetInputs, type Cap, type PoolRule, resolveBudget, totalBytesAt } from "./budget.ts";
import { resolveBudgetOrExplain, type Variant } from "./budget-change.ts";
import { gib, mib } from "./byte-size.ts";
import { PagodaError } from "./errors.ts";
import type { Resolved } from "./resolved.ts";

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
    maxNumSeqs: 32,
    blockSize: 16,
    bytesPerBlock,
    device: { totalBytes: 16 * gib, availableBytes: 12 * gib },
    fixedBytesAt: ({ numBlocks, maxModelLen }) => 200 * mib + 4096 * numBlocks + 16 * maxModelLen,
    ...changed,
  };
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
    [inputs({ pool: half, cap: cap({ kind: "instanceBytes", bytes: 15 * gib }) }), 12 * gib],
  ] as const) {
    const { numBlocks, maxModelLen } = resolveBudget(given);
    const free = ceiling - given.fixedBytesAt({ numBlocks, maxModelLen: maxModelLen.value }, null);
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

const variants = (base: BudgetInputs): Variant[] => [
  { flag: "--kv-cache-dtype int8", inputs: { ...base, bytesPerBlock: bytesPerBlock / 2 } },
];

test("too little is refused with need, have and a change that fits", () => {
  const cases: [string, Partial<BudgetInputs>, RegExp, RegExp][] = [
    [
      "length under a cap",
      { cap: cap({ kind: "instanceBytes", bytes: 300 * mib }), maxModelLen: flag(8192, "--max-model-len") },
      /330\.1 MiB are needed.*--memory allows 300\.0 MiB/,
      /Use --max-model-len 62\d\d \(or --kv-cache-dtype int8, or --memory 331MiB\)\./,
    ],
    [
      "weights under a cap",
      { cap: cap({ kind: "instanceBytes", bytes: 150 * mib }) },
      /are needed .* and --memory allows 150\.0 MiB/,
      /Use --memory 201MiB\./,
    ],
    [
      "a pool that does not fit",
      { cap: cap({ kind: "instanceBytes", bytes: gib }), pool: pool({ kind: "blocks", numBlocks: 5000 }) },
      /1\.44 GiB are needed.*80000 tokens.*--memory allows 1\.00 GiB/,
      /Use --num-gpu-blocks-override 3244/,
    ],
    [
      "a pool too small for the length",
      { pool: pool({ kind: "tokens", numTokens: 4096 }), maxModelLen: flag(8192, "--max-model-len") },
      /holds 4096 tokens; one sequence of 8192 tokens needs 128\.0 MiB/,
      /Use --max-model-len 4096 \(or --max-kv-tokens 8192\)\./,
    ],
    [
      "the device itself",
      { device: { totalBytes: 16 * gib, availableBytes: 100 * mib } },
      /the device has 100\.0 MiB available of 16\.00 GiB/,
      /use a smaller model/,
    ],
  ];
  for (const [name, changed, message, hint] of cases) {
    const given = inputs(changed);
    assert.throws(
      () => resolveBudgetOrExplain(given, variants(given)),
      (error) => {
        assert.ok(error instanceof PagodaError, name);
        assert.equal(error.code, "memory_too_small", name);
        assert.match(error.message, message, name);
        assert.match(error.hint ?? "", hint, name);
        return true;
      },
    );
  }
});

test("a suggested cap is the smallest whole MiB that holds", () => {
  const asked = { maxModelLen: flag(8192, "--max-model-len") };
  const at = (bytes: number) => inputs({ ...asked, cap: cap({ kind: "instanceBytes", bytes }) });
  assert.throws(() => resolveBudget(at(330 * mib)));
  assert.equal(resolveBudget(at(331 * mib)).maxModelLen.value, 8192);
});

test("a suggested cap holds where the runtime grows with the cap", () => {
  const fixedBytesAt = (_shape: unknown, capBytes: number | null) =>
    150 * mib + Math.floor((capBytes ?? 0) / 5);
  const asked = { maxModelLen: flag(8192, "--max-model-len"), fixedBytesAt };
  const at = (bytes: number) => inputs({ ...asked, cap: cap({ kind: "instanceBytes", bytes }) });
  assert.throws(
    () => resolveBudgetOrExplain(at(200 * mib), []),
    (error) => error instanceof PagodaError && /--memory 348MiB/.test(error.hint ?? ""),
  );
  assert.throws(() => resolveBudget(at(347 * mib)));
  assert.equal(resolveBudget(at(348 * mib)).maxModelLen.value, 8192);
});

test("a length beyond the model's own is refused with both numbers", () => {
  assert.throws(
    () => resolveBudget(inputs({ maxModelLen: flag(9000, "--session-len") })),
    (error) => error instanceof PagodaError && /--session-len asks for 9000.*8192/.test(error.message),
  );
});
