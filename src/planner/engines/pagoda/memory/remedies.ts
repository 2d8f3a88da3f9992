/** @module What helps a start of our engine that does not fit, the least noticeable first. */
import { byteSizeArgument, mib } from "../../../../core/byte-size.ts";
import { blocksOfLength } from "../../../../core/kv-layout.ts";
import { parseFlag } from "../../../../core/options/read-options.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import type { FlagChanges, Remedy, Step } from "../../../plan/change.ts";
import { type BudgetInputs, type Cap, capBytesOf, type PoolRule } from "./budget-inputs.ts";
import { memoryOptions } from "./options.ts";
import { largestLength, numBlocksFor } from "./pool-size.ts";
import { isRefusal } from "./refusals.ts";
import type { MemorySettings } from "./settings.ts";
import { budgetInputs, type MemoryParts, planAsStated } from "./stated-plan.ts";

/** Remedies of a start; where one is not possible, it has no steps. */
export function memoryRemedies(settings: MemorySettings, parts: MemoryParts): readonly Remedy[] {
  const [slightly, much] = shorterLengths(settings, parts);
  return [
    { why: "shorter sequences", steps: slightly },
    { why: "a smaller workspace", steps: fewerBatchedTokens(settings) },
    { why: "fewer bits for each number of the KV cache", steps: smallerKvNumbers(settings) },
    { why: "a pool that fits and holds a sequence", steps: otherPool(settings, parts) },
    { why: "a cap under which it fits", steps: otherCap(settings, parts) },
    { why: "fewer sequences in a step", steps: fewerSequences(settings) },
    { why: "fewer bits for each weight", steps: smallerWeights(settings, parts) },
    { why: "fewer worker threads", steps: fewerThreads(settings) },
    { why: "much shorter sequences", steps: much },
  ];
}

/** Starts, with sequences as long as was asked for, or long enough for a chat. */
export function serves(settings: MemorySettings, parts: MemoryParts): boolean {
  const plan = planAsStated(settings, parts);
  if (isRefusal(plan)) return false;
  const isAsked = typeof settings.maxModelLen?.value === "number";
  return isAsked || plan.limits.maxModelLen >= budgetInputs(settings, parts).leastUsefulLen;
}

/** The settings as they would be with flags typed in the place of others; null takes one away. */
export function changedSettings(settings: MemorySettings, changes: FlagChanges): MemorySettings {
  let changed = settings;
  for (const [name, value] of Object.entries(changes)) {
    const setting = settingOf[name];
    if (setting !== undefined) changed = { ...changed, ...setting(typeof value === "string" ? value : null) };
  }
  return changed;
}

/** The setting that a flag makes, by the flag's name; null: the flag is not there. */
const settingOf: Readonly<Record<string, (text: string | null) => Partial<MemorySettings>>> = {
  memory: (text) => ({ cap: typed("memory", memoryOptions.memory, text) }),
  "gpu-memory-utilization": (text) => ({
    cap: typed("gpu-memory-utilization", memoryOptions.utilization, text),
  }),
  "kv-cache-memory-bytes": (text) => ({
    pool: typed("kv-cache-memory-bytes", memoryOptions.kvBytes, text),
  }),
  "num-gpu-blocks-override": (text) => ({
    pool: typed("num-gpu-blocks-override", memoryOptions.numBlocks, text),
  }),
  "max-kv-tokens": (text) => ({ pool: typed("max-kv-tokens", memoryOptions.kvTokens, text) }),
  "max-model-len": (text) => ({ maxModelLen: typed("max-model-len", memoryOptions.maxModelLen, text) }),
  "kv-cache-dtype": (text) => stated("kvDtype", typed("kv-cache-dtype", memoryOptions.kvDtype, text)),
  "max-num-seqs": (text) => stated("maxNumSeqs", typed("max-num-seqs", memoryOptions.maxNumSeqs, text)),
  "max-num-batched-tokens": (text) =>
    stated("maxNumBatchedTokens", typed("max-num-batched-tokens", memoryOptions.maxNumBatchedTokens, text)),
  threads: (text) => stated("numThreads", typed("threads", memoryOptions.threads, text)),
  quantization: (text) => stated("quantization", typed("quantization", memoryOptions.quantization, text)),
};

function typed<T>(
  name: string,
  option: Parameters<typeof parseFlag<T>>[1],
  text: string | null,
): Resolved<T> | null {
  return text === null ? null : parseFlag(`--${name}`, option, text);
}

/** A setting that always has a value stays as it is where its flag is taken away. */
function stated<Key extends keyof MemorySettings>(
  key: Key,
  value: MemorySettings[Key] | null,
): Partial<MemorySettings> {
  return value === null ? {} : ({ [key]: value } as Partial<MemorySettings>);
}

function steps(flag: string, values: readonly (string | number)[]): Step[] {
  return values.map((value) => ({ flags: { [flag]: String(value) } }));
}

function fewerBatchedTokens({ maxNumBatchedTokens, maxNumSeqs }: MemorySettings): readonly Step[] {
  const counts = [256, 128, 64].filter(
    (numTokens) => numTokens < maxNumBatchedTokens.value && numTokens >= maxNumSeqs.value,
  );
  return steps("max-num-batched-tokens", counts);
}

function smallerKvNumbers({ kvDtype }: MemorySettings): readonly Step[] {
  const smaller = { f16: ["int8", "int4"], int8: ["int4"], int4: [] } as const;
  return steps("kv-cache-dtype", smaller[kvDtype.value]);
}

function fewerSequences({ maxNumSeqs }: MemorySettings): readonly Step[] {
  return steps(
    "max-num-seqs",
    [16, 8, 4, 1].filter((numSeqs) => numSeqs < maxNumSeqs.value),
  );
}

function fewerThreads({ numThreads, numRanks }: MemorySettings): readonly Step[] {
  return numThreads.value === numRanks.value ? [] : steps("threads", [numRanks.value]);
}

/** A checkpoint whose matrices are stored quantized gains nothing. */
function smallerWeights(settings: MemorySettings, parts: MemoryParts): readonly Step[] {
  if (settings.quantization.value !== null) return [];
  const bytesOf = (quantization: MemorySettings["quantization"]["value"]): number => {
    const changed = { ...settings, quantization: { value: quantization, from: "derived" as const } };
    return budgetInputs(changed, parts).fixedBytesAt({ numBlocks: 1, maxModelLen: 1 });
  };
  const asStored = bytesOf(null);
  const smaller = (["int8", "int4"] as const).filter((method) => bytesOf(method) < asStored);
  return steps("quantization", smaller);
}

const mildShareOfLength = 1 / 2;

/**
 * The longest length that fits, where a length was asked for and what fits is still of use: as a mild remedy where it is at
 * least half of what was asked for, else as the last.
 */
function shorterLengths(
  settings: MemorySettings,
  parts: MemoryParts,
): readonly [readonly Step[], readonly Step[]] {
  const asked = settings.maxModelLen?.value;
  if (typeof asked !== "number") return [[], []];
  const inputs = budgetInputs({ ...settings, maxModelLen: null }, parts);
  const length = Math.min(largestLength(inputs), asked);
  if (length >= asked || length < inputs.leastUsefulLen) return [[], []];
  const shorter = steps("max-model-len", [length]);
  return length / asked >= mildShareOfLength ? [shorter, []] : [[], shorter];
}

/** A stated pool, in its own dialect: the most that fits, or the least that holds one sequence. */
function otherPool(settings: MemorySettings, parts: MemoryParts): readonly Step[] {
  const { pool, maxModelLen } = settings;
  if (pool === null || pool.value.kind === "fractionOfFree") return [];
  const inputs = budgetInputs(settings, parts);
  const everything = { value: { kind: "fractionOfFree", fraction: 1 }, from: "derived" } as const;
  const whole = { ...inputs, pool: everything };
  const asked = typeof maxModelLen?.value === "number" ? maxModelLen.value : null;
  const longest = asked ?? Math.max(inputs.leastUsefulLen, largestLength(whole));
  const leastBlocks = blocksOfLength(asked ?? inputs.leastUsefulLen, inputs.blockSize);
  const mostBlocks = numBlocksFor(whole, longest);
  const numBlocks = numBlocksFor(inputs, longest) > mostBlocks ? mostBlocks : leastBlocks;
  return numBlocks < leastBlocks ? [] : [{ flags: poolFlag(pool.value.kind, numBlocks, inputs) }];
}

function poolFlag(
  kind: Exclude<PoolRule["kind"], "fractionOfFree">,
  numBlocks: number,
  { bytesPerBlock, blockSize }: BudgetInputs,
): FlagChanges {
  switch (kind) {
    case "kvBytes":
      return { "kv-cache-memory-bytes": String(numBlocks * bytesPerBlock) };
    case "blocks":
      return { "num-gpu-blocks-override": String(numBlocks) };
    case "tokens":
      return { "max-kv-tokens": String(numBlocks * blockSize) };
  }
}

/** Of what is available, this share is suggested first: what is available shrinks between two starts. */
const safeShareOfAvailable = 0.95;

/** For a cap beyond what there is, most of what there is; for another, the smallest under which the start serves. */
function otherCap(settings: MemorySettings, parts: MemoryParts): readonly Step[] {
  const { cap } = settings;
  if (cap === null) return [];
  const { availableBytes } = parts.device;
  const capBytes = capBytesOf(cap.value, parts.device);
  const stepTo = (mebibytes: number): Step => ({ flags: capFlag(cap.value, parts, mebibytes * mib) });
  const most = Math.floor(availableBytes / mib);
  if (capBytes > availableBytes) return [stepTo(Math.floor(most * safeShareOfAvailable)), stepTo(most)];
  if (!serves(changedSettings(settings, stepTo(most).flags), parts)) return [stepTo(most)];
  let low = Math.floor(capBytes / mib);
  let high = most;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (serves(changedSettings(settings, stepTo(middle).flags), parts)) high = middle;
    else low = middle;
  }
  return [stepTo(high)];
}

/** In the dialect in which the cap was stated; a fraction is rounded towards what is available. */
function capFlag(cap: Cap, { device }: MemoryParts, bytes: number): FlagChanges {
  if (cap.kind === "instanceBytes") return { memory: byteSizeArgument(bytes) };
  const upwards = Math.ceil((bytes / device.totalBytes) * 1e4) / 1e4;
  const isThere = Math.floor(upwards * device.totalBytes) <= device.availableBytes;
  const share = isThere ? upwards : Math.floor((bytes / device.totalBytes) * 1e4) / 1e4;
  return { "gpu-memory-utilization": String(share) };
}
