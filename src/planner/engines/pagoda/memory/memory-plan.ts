/** @module The whole memory plan of an instance before anything is allocated, with advice where it does not fit. */
import { PagodaError } from "../../../../core/errors.ts";
import { advice } from "./advice.ts";
import { isRefusal, type Refusal } from "./refusals.ts";
import type { MemorySettings } from "./settings.ts";
import { type MemoryParts, type MemoryPlan, planAsStated } from "./stated-plan.ts";

/** Throws `memory_too_small` whose hint names changes that serve, and `invalid_option`. */
export function planMemory(settings: MemorySettings, parts: MemoryParts): MemoryPlan {
  const plan = planOrRefusal(settings, parts);
  if (!isRefusal(plan)) return plan;
  throw new PagodaError("memory_too_small", plan.refusal, {
    hint: advice(settings, parts),
    param: plan.param,
  });
}

/** The plan with all its notes, or why there is none. Throws `invalid_option`. */
export function planOrRefusal(settings: MemorySettings, parts: MemoryParts): MemoryPlan | Refusal {
  const plan = planAsStated(settings, parts);
  if (isRefusal(plan)) return plan;
  const note = unusedNote(settings, parts, plan);
  return note === null ? plan : { ...plan, budget: { ...plan.budget, notes: [...plan.budget.notes, note] } };
}

/** What would use the part of a cap that the sequences of a step cannot fill; null where there is none. */
function unusedNote(settings: MemorySettings, parts: MemoryParts, plan: MemoryPlan): string | null {
  const { numBlocks, numUnusedBlocks, maxModelLen } = plan.budget;
  if (numUnusedBlocks === 0) return null;
  const { blockSize } = plan.limits;
  const numSeqs = sequencesThatFill(settings, parts);
  const more = numSeqs === null ? "" : `--max-num-seqs ${numSeqs} (more requests at once) or `;
  const roomTokens = (numBlocks + numUnusedBlocks) * blockSize;
  return (
    `${settings.cap?.why ?? "The cap"} has room for ${roomTokens} tokens of KV cache. ` +
    `max_num_seqs × max_model_len, ${settings.maxNumSeqs.value} × ${maxModelLen.value} tokens, fill ${numBlocks * blockSize} of them, and no more is allocated. ` +
    `Use more of it with ${more}--max-kv-tokens ${roomTokens} (a larger prefix cache).`
  );
}

/** The fewest sequences that leave nothing unused, or the most that a step can hold; null: not one more. */
function sequencesThatFill(settings: MemorySettings, parts: MemoryParts): number | null {
  const current = settings.maxNumSeqs.value;
  const unusedWith = (numSeqs: number): number | null => {
    const maxNumSeqs = { value: numSeqs, from: "derived" } as const;
    const plan = planAsStated({ ...settings, maxNumSeqs }, parts);
    return isRefusal(plan) ? null : plan.budget.numUnusedBlocks;
  };
  let low = current;
  let high = Math.min(mostSequences, settings.maxNumBatchedTokens.value);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((unusedWith(middle) ?? 0) === 0) high = middle;
    else low = middle;
  }
  const fills = high > current && unusedWith(high) !== null ? high : low;
  return fills > current ? fills : null;
}

/** The most that `--max-num-seqs` takes. */
const mostSequences = 4096;
