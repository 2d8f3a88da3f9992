/** @module Plans over many machines and flags: nothing promised that is not there, nothing refused that would serve. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatBytes, gib, mib } from "../../../../core/byte-size.ts";
import { PagodaError } from "../../../../core/errors.ts";
import { blocksOfLength } from "../../../../core/kv-layout.ts";
import { attributeOf } from "../../../../core/options/option.ts";
import { readOptions } from "../../../../core/options/read-options.ts";
import { capBytesOf } from "./budget-inputs.ts";
import { planMemory } from "./memory-plan.ts";
import { memoryOptions } from "./options.ts";
import { ceilingBytes, totalBytesAt } from "./pool-size.ts";
import { type MemorySettings, resolveMemorySettings } from "./settings.ts";
import { budgetInputs, type MemoryParts, type MemoryPlan } from "./stated-plan.ts";
import { llamaShape, smolLm2 } from "./testing/llama-shape.ts";

const numProcessors = 4;

function settingsOf(flags: readonly string[]): MemorySettings {
  const given: Record<string, string> = {};
  for (const flag of flags) {
    const [name = "", value = ""] = flag.split(" ");
    given[attributeOf(name)] = value;
  }
  return resolveMemorySettings(readOptions(memoryOptions, given, {}), numProcessors);
}

/** Three layers of SmolLM2's widths, in 16 bits or stored in 4. */
const sizes = { ...smolLm2, numLayers: 3 };
const shapes = {
  f16: llamaShape(sizes, "f16"),
  q8: llamaShape(sizes, "q8"),
  q4: llamaShape(sizes, "q4"),
};

function partsOf(
  device: MemoryParts["device"],
  rest: Partial<MemoryParts> & { readonly isStoredQuantized?: boolean } = {},
): MemoryParts {
  const { isStoredQuantized = true, ...others } = rest;
  const byMethod = { int8: shapes.q8, int4: shapes.q4 };
  return {
    shapeUnder: (method) => (isStoredQuantized ? shapes.q4 : method === null ? shapes.f16 : byMethod[method]),
    modelMaxLen: 8192,
    leastUsefulLen: 300,
    device,
    heapCeilingMib: null,
    ...others,
  };
}

function attempt(settings: MemorySettings, parts: MemoryParts): MemoryPlan | PagodaError {
  try {
    return planMemory(settings, parts);
  } catch (thrown) {
    if (thrown instanceof PagodaError) return thrown;
    throw thrown;
  }
}

const totalOf = (plan: MemoryPlan): number => plan.runtimeBytes + plan.footprint.totalBytes;

/** The flags of each suggestion in a hint; those of one suggestion go together. */
function suggestionsIn(hint: string): string[][] {
  return hint
    .replace(/^Use /, "")
    .split(/ \(or |, or /)
    .map((suggestion) =>
      [...suggestion.matchAll(/(--[a-z-]+) ([\w.]*\w)/g)].map(([, name, value]) => `${name} ${value}`),
    )
    .filter((flags) => flags.length > 0);
}

/** As a person would: a flag that is there already is replaced. */
function withFlags(flags: readonly string[], suggested: readonly string[]): string[] {
  const names = new Set(suggested.map((flag) => flag.split(" ")[0]));
  return [...flags.filter((flag) => !names.has(flag.split(" ")[0])), ...suggested];
}

const optional = (...flags: fc.Arbitrary<string>[]): fc.Arbitrary<string[]> =>
  fc.option(fc.oneof(...flags), { nil: null }).map((flag) => (flag === null ? [] : [flag]));
const among = (name: string, ...values: (string | number)[]): fc.Arbitrary<string> =>
  fc.constantFrom(...values.map((value) => `${name} ${value}`));

const anyFlags = fc
  .tuple(
    optional(
      fc.integer({ min: 20, max: 30_000 }).map((mebibytes) => `--memory ${mebibytes}MiB`),
      fc.integer({ min: 1, max: 100 }).map((percent) => `--gpu-memory-utilization ${percent / 100}`),
    ),
    optional(
      among("--max-kv-tokens", 16, 48, 300, 4096, 100_000, 10_000_000),
      among("--num-gpu-blocks-override", 1, 20, 500, 100_000),
      among("--kv-cache-memory-bytes", 4000, "1MiB", "100MiB", "4GiB"),
      among("--cache-max-entry-count", 0.01, 0.2, 0.8, 0.99),
    ),
    optional(among("--max-model-len", 16, 64, 300, 1024, 8192, "auto")),
    optional(among("--block-size", 16, 64, 256)),
    optional(among("--kv-cache-dtype", "f16", "int8", "int4")),
    optional(among("--max-num-seqs", 1, 4, 32, 200)),
    optional(among("--threads", 1, 2, 8)),
  )
  .map((flags) => flags.flat());

const anyDevice = fc
  .record({
    totalMib: fc.integer({ min: 200, max: 24_000 }),
    share: fc.double({ min: 0.1, max: 1, noNaN: true }),
  })
  .map(({ totalMib, share }) => ({
    totalBytes: totalMib * mib,
    availableBytes: Math.floor(totalMib * mib * share),
  }));

/** The least that would honour the flags: one sequence of the length that was asked for, or of a useful one. */
function leastBytes(settings: MemorySettings, parts: MemoryParts): number {
  const inputs = budgetInputs(settings, parts);
  const asked = settings.maxModelLen?.value;
  const maxModelLen = typeof asked === "number" ? asked : inputs.leastUsefulLen;
  return totalBytesAt(inputs, { numBlocks: blocksOfLength(maxModelLen, inputs.blockSize), maxModelLen });
}

function checkStart(plan: MemoryPlan, settings: MemorySettings, parts: MemoryParts): void {
  const { capBytes, maxModelLen, numBlocks } = plan.budget;
  const { availableBytes } = parts.device;
  assert.ok(capBytes === null || capBytes <= availableBytes, "no cap over what there is");
  assert.ok(totalOf(plan) <= (capBytes ?? availableBytes), `${formatBytes(totalOf(plan))} planned`);
  assert.ok(numBlocks * plan.limits.blockSize >= maxModelLen.value, "one sequence fits the pool");
  const asked = settings.maxModelLen?.value;
  if (typeof asked === "number") assert.equal(maxModelLen.value, asked);
  else if (settings.pool === null) assert.ok(maxModelLen.value >= parts.leastUsefulLen, "a chat fits");
  if (settings.pool === null)
    assert.ok(
      numBlocks <= settings.maxNumSeqs.value * blocksOfLength(maxModelLen.value, plan.limits.blockSize),
      "no more blocks than the sequences can fill",
    );
}

function checkRefusal(error: PagodaError, flags: readonly string[], parts: MemoryParts): void {
  const settings = settingsOf(flags);
  const inputs = budgetInputs(settings, parts);
  const capBytes = settings.cap === null ? 0 : capBytesOf(settings.cap.value, parts.device);
  assert.equal(error.code, "memory_too_small");
  // Without a stated pool only bytes can be lacking.
  if (settings.pool === null)
    assert.ok(
      leastBytes(settings, parts) > ceilingBytes(inputs) || capBytes > parts.device.availableBytes,
      `false refusal: ${error.message}`,
    );
  const suggestions = suggestionsIn(error.hint ?? "");
  if (suggestions.length === 0) assert.match(error.hint ?? "", /^No change of flags fits: the smallest/);
  for (const suggested of suggestions) {
    const mendedSettings = settingsOf(withFlags(flags, suggested));
    const mended = attempt(mendedSettings, parts);
    if (mended instanceof PagodaError) assert.fail(`${suggested.join(" ")}: ${mended.message}`);
    checkStart(mended, mendedSettings, parts);
    const asked = settings.maxModelLen?.value;
    const isShorter = suggested.some((flag) => flag.startsWith("--max-model-len"));
    if (typeof asked !== "number" || isShorter)
      assert.ok(mended.limits.maxModelLen >= parts.leastUsefulLen, `${suggested.join(" ")} serves no chat`);
  }
}

test("every start fits, every refusal is right, and every suggestion starts and serves a chat", () => {
  let numRefused = 0;
  let numSuggesting = 0;
  fc.assert(
    fc.property(anyDevice, anyFlags, fc.boolean(), (device, flags, isStoredQuantized) => {
      const parts = partsOf(device, { isStoredQuantized });
      const answer = attempt(settingsOf(flags), parts);
      if (!(answer instanceof PagodaError)) return checkStart(answer, settingsOf(flags), parts);
      numRefused += 1;
      if (/^Use /.test(answer.hint ?? "")) numSuggesting += 1;
      checkRefusal(answer, flags, parts);
    }),
    { numRuns: 250, seed: 9 },
  );
  // The property would hold for nothing if nothing were refused.
  assert.ok(
    numRefused > 40 && numSuggesting > 20,
    `${numRefused} refused, ${numSuggesting} with suggestions`,
  );
});

test("a container of 600 MiB serves the default model without flags", () => {
  const shape = llamaShape(smolLm2, "q4");
  const device = { totalBytes: 600 * mib, availableBytes: 590 * mib };
  const plan = planMemory(settingsOf(["--threads 2"]), partsOf(device, { shapeUnder: () => shape }));
  assert.equal(plan.heapCeilingMib, 128);
  assert.ok(plan.limits.maxModelLen >= 4096, `${plan.limits.maxModelLen} tokens`);
});

test("a cap beyond what is available is refused with both numbers, and the cap that is suggested leaves some", () => {
  const device = { totalBytes: 23.5 * gib, availableBytes: 20 * gib };
  const answer = attempt(settingsOf(["--memory 100GiB"]), partsOf(device));
  assert.ok(answer instanceof PagodaError);
  assert.match(
    answer.message,
    /^--memory 100GiB allows the instance 100\.00 GiB, and the device has 20\.00 GiB/,
  );
  assert.match(answer.hint ?? "", /^Use --memory 19456MiB\.$/);
});

test("a cap that has room for more than the sequences can fill says what would use the rest", () => {
  const parts = partsOf({ totalBytes: 24 * gib, availableBytes: 20 * gib });
  const plan = planMemory(settingsOf(["--memory 4GiB"]), parts);
  assert.equal(plan.limits.numBlocks, 32 * 512);
  const [, numSeqs, numTokens] =
    /--max-num-seqs (\d+) .* --max-kv-tokens (\d+) /.exec(plan.budget.notes.join()) ?? [];
  const more = planMemory(settingsOf(["--memory 4GiB", `--max-num-seqs ${numSeqs}`]), parts);
  assert.equal(more.budget.numUnusedBlocks, 0);
  assert.ok(more.limits.numBlocks > plan.limits.numBlocks);
  const larger = planMemory(settingsOf(["--memory 4GiB", `--max-kv-tokens ${numTokens}`]), parts);
  assert.equal(larger.limits.numBlocks * 16, Number(numTokens));
});

test("weights that are the trouble are suggested smaller, those that are stored small are not", () => {
  const device = { totalBytes: 450 * mib, availableBytes: 440 * mib };
  const wide = { ...sizes, numLayers: 12, intermediateWidth: 6144 };
  const byMethod = { int8: llamaShape(wide, "q8"), int4: llamaShape(wide, "q4") };
  const f16 = llamaShape(wide, "f16");
  const parts = partsOf(device, { shapeUnder: (method) => (method === null ? f16 : byMethod[method]) });
  const answer = attempt(settingsOf(["--threads 1"]), parts);
  assert.ok(answer instanceof PagodaError);
  assert.match(answer.hint ?? "", /^Use --quantization int4/);
});
