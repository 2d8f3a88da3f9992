/** @module What would relieve the limit that binds: how far, by which flag, and what that costs. */
import type { BindingLimitReport, LimitName } from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import type { GenerationService } from "../../../core/generation.ts";
import type { EngineObservation, SequenceFacts } from "../../../core/observation/engine-observation.ts";
import type { CeilingName, LiveSettingsState } from "../../../core/settings/live-settings.ts";

export interface ReliefFacts {
  readonly observation: EngineObservation;
  readonly settings: LiveSettingsState;
  readonly sequences: readonly SequenceFacts[];
  readonly extraBytesFor: GenerationService["extraBytesFor"];
}

export type Relief = Pick<BindingLimitReport, "relief"> & {
  /** What is known in numbers, as a sentence. */
  readonly sentence: string;
};

/** null: no setting relieves it. */
export function reliefOf(limit: LimitName, facts: ReliefFacts): Relief | null {
  switch (limit) {
    case "kv_blocks":
      return blocksRelief(facts);
    case "seats":
      return seatsRelief(facts);
    case "step_tokens":
      return stepTokensRelief(facts);
    case "step_time":
      return stepTimeRelief(facts);
    default:
      return null;
  }
}

/** As many blocks as all sequences are expected to hold at their ends. */
function blocksRelief({ observation, settings, sequences, extraBytesFor }: ReliefFacts): Relief {
  const { blocks } = observation;
  const { requested, ceilings } = settings;
  const numExpected = sum(
    sequences.map(({ numBlocks, numForecastBlocks }) => Math.max(numBlocks, numForecastBlocks)),
  );
  const numWanted = Math.max(requested.maxNumBlocks + 1, numExpected);
  const waiting = sequences.filter(({ state }) => state === "waiting").length;
  const extraBytes = (numWanted - requested.maxNumBlocks) * blocks.bytesPerBlock;
  return {
    sentence: `${blocks.numReferenced} of ${requested.maxNumBlocks} KV blocks are referenced and ${waiting} sequences wait; ${formatBytes(extraBytes)} more would hold them all.`,
    relief: {
      flag: `--num-gpu-blocks-override ${numWanted}`,
      setting: numWanted <= ceilings.maxNumBlocks ? "maxNumBlocks" : null,
      bytes: extraFor("maxNumBlocks", numWanted, settings, extraBytesFor),
      stepMs: null,
    },
  };
}

function seatsRelief({ observation, settings, sequences, extraBytesFor }: ReliefFacts): Relief {
  const { numRunning, numWaiting } = observation.stats;
  const { requested, ceilings } = settings;
  const numWanted = Math.max(requested.maxNumSeqs + 1, numRunning + numWaiting);
  const newcomers = sequences.filter(({ state }) => state === "waiting");
  const meanBlocks =
    newcomers.length === 0 ? 0 : sum(newcomers.map((s) => s.numForecastBlocks)) / newcomers.length;
  const poolBytes = (numWanted - numRunning) * meanBlocks * observation.blocks.bytesPerBlock;
  const extra = extraFor("maxNumSeqs", numWanted, settings, extraBytesFor);
  return {
    sentence: `${numRunning} of ${requested.maxNumSeqs} seats are taken and ${numWaiting} sequences wait; they would hold ${formatBytes(poolBytes)} of the KV pool.`,
    relief: {
      flag: `--max-num-seqs ${numWanted}`,
      setting: numWanted <= ceilings.maxNumSeqs ? "maxNumSeqs" : null,
      bytes: extra,
      stepMs: (numWanted - numRunning) * observation.tokenMs,
    },
  };
}

/** The prompts that are there in one step, or twice the budget if that is less. */
function stepTokensRelief({ observation, settings, sequences, extraBytesFor }: ReliefFacts): Relief {
  const { requested, ceilings } = settings;
  const numLeft = sum(sequences.map((s) => Math.max(1, s.numPromptTokens - s.numComputedTokens)));
  const budget = requested.maxNumBatchedTokens;
  const numWanted = Math.min(2 * budget, Math.max(budget + 1, numLeft));
  return {
    sentence: `${numLeft} tokens wait to be computed, and a step takes ${budget}.`,
    relief: {
      flag: `--max-num-batched-tokens ${numWanted}`,
      setting: numWanted <= ceilings.maxNumBatchedTokens ? "maxNumBatchedTokens" : null,
      bytes: extraFor("maxNumBatchedTokens", numWanted, settings, extraBytesFor),
      stepMs: (numWanted - budget) * observation.tokenMs,
    },
  };
}

function stepTimeRelief({ settings }: ReliefFacts): Relief {
  const { maxStepMs } = settings.requested;
  return {
    sentence: `Prompts are cut so that steps take ${maxStepMs} ms while others decode; longer steps would bring first tokens sooner and the others' later.`,
    relief: {
      flag: `--max-step-ms ${2 * maxStepMs}`,
      setting: "maxStepMs",
      bytes: 0,
      stepMs: maxStepMs,
    },
  };
}

/** What is allocated already costs nothing more. */
function extraFor(
  name: CeilingName,
  value: number,
  { ceilings }: LiveSettingsState,
  extraBytesFor: ReliefFacts["extraBytesFor"],
): number | null {
  return value <= ceilings[name] ? 0 : extraBytesFor({ [name]: value });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
