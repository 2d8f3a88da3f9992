/** @module Refuses what a running engine cannot do: more than was allocated, or settings that contradict each other. */
import { PagodaError } from "../../core/errors.ts";
import type { CeilingName, LiveSettings, LiveSettingsState } from "../../core/settings/live-settings.ts";

/** The flag that allocates more at a start. */
const flagOfCeiling: Readonly<Record<CeilingName, string>> = {
  maxNumSeqs: "--max-num-seqs",
  maxNumBatchedTokens: "--max-num-batched-tokens",
  maxModelLen: "--max-model-len",
  maxNumBlocks: "--num-gpu-blocks-override",
};

/** The command that started this server, with one flag set to another value; null where it is not known. */
export type RestartCommand = (flag: string, value: number) => string | null;

/**
 * @throws PagodaError `settings_beyond_allocation` with both numbers and the restart that would allocate more;
 * `settings_conflict` where the step budget would be less than the seats.
 */
export function checkChange(
  change: Partial<LiveSettings>,
  { requested, ceilings }: LiveSettingsState,
  restartCommand: RestartCommand,
): void {
  for (const [name, ceiling] of Object.entries(ceilings) as [CeilingName, number][]) {
    const value = change[name];
    if (value === undefined || value <= ceiling) continue;
    const command = restartCommand(flagOfCeiling[name], value) ?? `${flagOfCeiling[name]} ${value}`;
    throw new PagodaError(
      "settings_beyond_allocation",
      `${name} ${value} is more than the ${ceiling} that were allocated at the start.`,
      {
        param: name,
        hint: `Use at most ${ceiling}, or restart with: ${command}. The start says whether that fits.`,
      },
    );
  }
  const { maxNumSeqs, maxNumBatchedTokens } = { ...requested, ...change };
  if (maxNumBatchedTokens >= maxNumSeqs) return;
  throw new PagodaError(
    "settings_conflict",
    `With maxNumBatchedTokens ${maxNumBatchedTokens} below maxNumSeqs ${maxNumSeqs}, not every sequence could take a step.`,
    {
      param: "maxNumBatchedTokens",
      hint: `Set maxNumSeqs to at most ${maxNumBatchedTokens} in the same request.`,
    },
  );
}
