/** @module Advice for a start that was refused: changes under which it would serve, each tried. */
import { formatBytes } from "../../../../core/byte-size.ts";
import { blocksOfLength } from "../../../../core/kv-layout.ts";
import { asSuggestion, type Change, type Remedy } from "../../../plan/change.ts";
import { firstThatFits, smallestThatFits } from "../../../search/smallest-that-fits.ts";
import { totalBytesAt } from "./pool-size.ts";
import { changedSettings, memoryRemedies, serves } from "./remedies.ts";
import type { MemorySettings } from "./settings.ts";
import { budgetInputs, type MemoryParts } from "./stated-plan.ts";

const mostSuggestions = 4;

/** The changes as a sentence to follow; both numbers where nothing serves. */
export function advice(settings: MemorySettings, parts: MemoryParts): string {
  const [first, ...others] = changesThatServe(settings, parts).map((change) =>
    asSuggestion(change).flags.join(" together with "),
  );
  if (first === undefined)
    return `No change of flags fits: the smallest start of this model needs ${formatBytes(smallestStartBytes(settings, parts))}, and ${formatBytes(parts.device.availableBytes)} are available. Use a smaller model.`;
  return others.length === 0 ? `Use ${first}.` : `Use ${first} (or ${others.join(", or ")}).`;
}

/** Single changes, one of each remedy; a pair where no single one does. */
function changesThatServe(settings: MemorySettings, parts: MemoryParts): readonly Change[] {
  const remedies = memoryRemedies(settings, parts);
  const attempt = ({ flags }: Pick<Change, "flags">): true | null =>
    serves(changedSettings(settings, flags), parts) ? true : null;
  const single = remedies.flatMap((remedy) => smallestOf(remedy, attempt)).slice(0, mostSuggestions);
  if (single.length > 0) return single;
  return smallestThatFits(remedies, attempt, 1).map(({ change }) => change);
}

function smallestOf({ steps, why }: Remedy, attempt: (change: Change) => true | null): Change[] {
  const found = firstThatFits(
    steps.map((step) => ({ ...step, why })),
    attempt,
  );
  return found === null ? [] : [found.change];
}

/** Bytes of the smallest useful start: every setting at its smallest. */
function smallestStartBytes(settings: MemorySettings, parts: MemoryParts): number {
  const flags = { "kv-cache-dtype": "int4", "max-num-seqs": "1", threads: "1" };
  const smallest = changedSettings(settings, flags);
  const tokens = Math.min(settings.maxNumBatchedTokens.value, leastBatchedTokens);
  const inputs = budgetInputs(
    {
      ...smallest,
      cap: null,
      pool: null,
      maxNumBatchedTokens: { value: tokens, from: "derived" },
      quantization: { value: settings.quantization.value ?? "int4", from: "derived" },
    },
    parts,
  );
  const maxModelLen = inputs.leastUsefulLen;
  return totalBytesAt(inputs, { numBlocks: blocksOfLength(maxModelLen, inputs.blockSize), maxModelLen });
}

const leastBatchedTokens = 64;
