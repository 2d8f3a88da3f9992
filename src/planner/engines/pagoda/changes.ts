/** @module Changes of flags under which a start that was refused would serve, each tried before it is suggested. */
import { byteSizeArgument, formatBytes, mib } from "../../../core/byte-size.ts";
import { blocksOfLength } from "../../../core/kv-layout.ts";
import type { Resolved } from "../../../core/resolved.ts";
import { capBytesOf, type PoolRule } from "./budget-inputs.ts";
import { largestLength, numBlocksFor, totalBytesAt } from "./pool-size.ts";
import { isRefusal } from "./refusals.ts";
import type { MemorySettings } from "./settings.ts";
import { budgetInputs, type MemoryParts, planAsStated } from "./stated-plan.ts";

/** The same start with other flags. */
export interface Change {
  /** As they are typed: `--kv-cache-dtype int8`. */
  readonly flags: readonly string[];
  readonly settings: MemorySettings;
}

/** One thing that can be changed, from its mildest change to its strongest. */
type Axis = (settings: MemorySettings, parts: MemoryParts) => readonly Change[];

/** The least noticeable first. */
const axes: readonly Axis[] = [
  slightlyShorterLength,
  fewerBatchedTokens,
  smallerKvNumbers,
  otherPool,
  otherCap,
  fewerSequences,
  smallerWeights,
  fewerThreads,
  muchShorterLength,
];

/** Single changes that serve, one for each thing that can be changed; pairs where no single one does. */
function changesThatServe(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  const single = axes.flatMap((axis) => firstThatServes(axis(settings, parts), parts));
  return single.length > 0 ? single : firstPair(settings, parts);
}

function firstPair(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  for (const [at, axis] of axes.entries())
    for (const first of axis(settings, parts))
      for (const other of axes.slice(at + 1)) {
        const seconds = other(first.settings, parts).map((second) => ({
          flags: [...first.flags, ...second.flags],
          settings: second.settings,
        }));
        const [found] = firstThatServes(seconds, parts);
        if (found !== undefined) return [found];
      }
  return [];
}

const mostSuggestions = 4;

/** The changes as a sentence to follow; both numbers where nothing serves. */
export function describeChanges(settings: MemorySettings, parts: MemoryParts): string {
  const changes = changesThatServe(settings, parts).slice(0, mostSuggestions);
  const [first, ...others] = changes.map(({ flags }) => flags.join(" together with "));
  if (first === undefined)
    return `No change of flags fits: the smallest start of this model needs ${formatBytes(smallestStartBytes(settings, parts))}, and ${formatBytes(parts.device.availableBytes)} are available. Use a smaller model.`;
  return others.length === 0 ? `Use ${first}.` : `Use ${first} (or ${others.join(", or ")}).`;
}

function firstThatServes(changes: readonly Change[], parts: MemoryParts): Change[] {
  const found = changes.find((change) => serves(change.settings, parts));
  return found === undefined ? [] : [found];
}

/** Starts, with sequences as long as was asked for, or long enough for a chat. */
function serves(settings: MemorySettings, parts: MemoryParts): boolean {
  const plan = planAsStated(settings, parts);
  if (isRefusal(plan)) return false;
  const isAsked = typeof settings.maxModelLen?.value === "number";
  return isAsked || plan.limits.maxModelLen >= budgetInputs(settings, parts).leastUsefulLen;
}

function change(settings: MemorySettings, flag: string, changed: Partial<MemorySettings>): Change {
  return { flags: [flag], settings: { ...settings, ...changed } };
}

function suggested<T>(value: T, why: string): Resolved<T> {
  return { value, from: "flag", why };
}

function fewerBatchedTokens(settings: MemorySettings): readonly Change[] {
  const { maxNumBatchedTokens, maxNumSeqs } = settings;
  return [256, 128, 64]
    .filter((numTokens) => numTokens < maxNumBatchedTokens.value && numTokens >= maxNumSeqs.value)
    .map((numTokens) => {
      const flag = `--max-num-batched-tokens ${numTokens}`;
      return change(settings, flag, { maxNumBatchedTokens: suggested(numTokens, flag) });
    });
}

function smallerKvNumbers(settings: MemorySettings): readonly Change[] {
  const smaller = { f16: ["int8", "int4"], int8: ["int4"], int4: [] } as const;
  return smaller[settings.kvDtype.value].map((dtype) => {
    const flag = `--kv-cache-dtype ${dtype}`;
    return change(settings, flag, { kvDtype: suggested(dtype, flag) });
  });
}

function fewerSequences(settings: MemorySettings): readonly Change[] {
  return [16, 8, 4, 1]
    .filter((numSeqs) => numSeqs < settings.maxNumSeqs.value)
    .map((numSeqs) => {
      const flag = `--max-num-seqs ${numSeqs}`;
      return change(settings, flag, { maxNumSeqs: suggested(numSeqs, flag) });
    });
}

/** A checkpoint whose matrices are stored quantized gains nothing. */
function smallerWeights(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  if (settings.quantization.value !== null) return [];
  const bytesOf = (quantization: MemorySettings["quantization"]["value"]): number => {
    const inputs = budgetInputs({ ...settings, quantization: suggested(quantization, "") }, parts);
    return inputs.fixedBytesAt({ numBlocks: 1, maxModelLen: 1 });
  };
  const asStored = bytesOf(null);
  return (["int8", "int4"] as const)
    .filter((method) => bytesOf(method) < asStored)
    .map((method) => {
      const flag = `--quantization ${method}`;
      return change(settings, flag, { quantization: suggested(method, flag) });
    });
}

function fewerThreads(settings: MemorySettings): readonly Change[] {
  if (settings.numThreads.value === 1) return [];
  return [change(settings, "--threads 1", { numThreads: suggested(1, "--threads 1") })];
}

const mildShareOfLength = 1 / 2;

function slightlyShorterLength(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  return shorterLength(settings, parts, (share) => share >= mildShareOfLength);
}

function muchShorterLength(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  return shorterLength(settings, parts, (share) => share < mildShareOfLength);
}

/** The longest that fits, where a length was asked for and what fits is still of use. */
function shorterLength(
  settings: MemorySettings,
  parts: MemoryParts,
  isWanted: (shareOfAsked: number) => boolean,
): readonly Change[] {
  const asked = settings.maxModelLen?.value;
  if (typeof asked !== "number") return [];
  const inputs = budgetInputs({ ...settings, maxModelLen: null }, parts);
  const length = Math.min(largestLength(inputs), asked);
  if (length >= asked || length < inputs.leastUsefulLen || !isWanted(length / asked)) return [];
  const flag = `--max-model-len ${length}`;
  return [change(settings, flag, { maxModelLen: suggested(length, flag) })];
}

/** A stated pool, in its own dialect: the most that fits, or the least that holds one sequence. */
function otherPool(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  const { pool, maxModelLen } = settings;
  if (pool === null || pool.value.kind === "fractionOfFree") return [];
  const { kind } = pool.value;
  const inputs = budgetInputs(settings, parts);
  const whole = { ...inputs, pool: suggested({ kind: "fractionOfFree", fraction: 1 } as const, "") };
  const asked = typeof maxModelLen?.value === "number" ? maxModelLen.value : null;
  const longest = asked ?? Math.max(inputs.leastUsefulLen, largestLength(whole));
  const leastBlocks = blocksOfLength(asked ?? inputs.leastUsefulLen, inputs.blockSize);
  const mostBlocks = numBlocksFor(whole, longest);
  const numBlocks = numBlocksFor(inputs, longest) > mostBlocks ? mostBlocks : leastBlocks;
  if (numBlocks < leastBlocks) return [];
  const rule = poolRule(kind, numBlocks, inputs);
  return [change(settings, rule.flag, { pool: suggested(rule.value, rule.flag) })];
}

function poolRule(
  kind: Exclude<PoolRule["kind"], "fractionOfFree">,
  numBlocks: number,
  { bytesPerBlock, blockSize }: { readonly bytesPerBlock: number; readonly blockSize: number },
): { readonly flag: string; readonly value: PoolRule } {
  switch (kind) {
    case "kvBytes": {
      const bytes = numBlocks * bytesPerBlock;
      return { flag: `--kv-cache-memory-bytes ${bytes}`, value: { kind, bytes } };
    }
    case "blocks":
      return { flag: `--num-gpu-blocks-override ${numBlocks}`, value: { kind, numBlocks } };
    case "tokens": {
      const numTokens = numBlocks * blockSize;
      return { flag: `--max-kv-tokens ${numTokens}`, value: { kind, numTokens } };
    }
  }
}

/** Of what is available, this share may be suggested first: what is available shrinks between two starts. */
const safeShareOfAvailable = 0.95;

/** A cap beyond what there is: most of what there is. Another: the smallest under which the start serves. */
function otherCap(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  const { cap } = settings;
  if (cap === null) return [];
  const { availableBytes } = parts.device;
  const capBytes = capBytesOf(cap.value, parts.device);
  const withCap = (bytes: number): Change => capChange(settings, parts, bytes);
  const most = Math.floor(availableBytes / mib);
  if (capBytes > availableBytes)
    return [Math.floor(most * safeShareOfAvailable), most].map((mebibytes) => withCap(mebibytes * mib));
  if (!serves(withCap(most * mib).settings, parts)) return [];
  let low = Math.floor(capBytes / mib);
  let high = most;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (serves(withCap(middle * mib).settings, parts)) high = middle;
    else low = middle;
  }
  return [withCap(high * mib)];
}

/** In the dialect in which the cap was stated; a fraction is rounded towards what is available. */
function capChange(settings: MemorySettings, { device }: MemoryParts, bytes: number): Change {
  if (settings.cap?.value.kind !== "fractionOfTotal") {
    const flag = `--memory ${byteSizeArgument(bytes)}`;
    return change(settings, flag, { cap: suggested({ kind: "instanceBytes", bytes } as const, flag) });
  }
  const upwards = Math.ceil((bytes / device.totalBytes) * 1e4) / 1e4;
  const isThere = Math.floor(upwards * device.totalBytes) <= device.availableBytes;
  const fraction = isThere ? upwards : Math.floor((bytes / device.totalBytes) * 1e4) / 1e4;
  const flag = `--gpu-memory-utilization ${fraction}`;
  return change(settings, flag, { cap: suggested({ kind: "fractionOfTotal", fraction } as const, flag) });
}

/** Bytes of the smallest useful start: every axis at its strongest. */
function smallestStartBytes(settings: MemorySettings, parts: MemoryParts): number {
  const strongest = {
    ...settings,
    cap: null,
    pool: null,
    maxModelLen: null,
    kvDtype: suggested("int4" as const, ""),
    maxNumSeqs: suggested(1, ""),
    maxNumBatchedTokens: suggested(Math.min(settings.maxNumBatchedTokens.value, 64), ""),
    numThreads: suggested(1, ""),
    quantization: suggested(settings.quantization.value ?? ("int4" as const), ""),
  };
  const inputs = budgetInputs(strongest, parts);
  const maxModelLen = inputs.leastUsefulLen;
  return totalBytesAt(inputs, { numBlocks: blocksOfLength(maxModelLen, inputs.blockSize), maxModelLen });
}
