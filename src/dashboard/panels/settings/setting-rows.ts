/** @module The settings of an instance as rows: what was asked for, what holds, how far each can go without a restart. */
import type { SettingsState } from "../../../api/admin/observatory/index.ts";

/** Settings that are numbers, in the order in which they are shown; the flag is what a restart would be given. */
export const numberSettings = {
  maxNumSeqs: "--max-num-seqs",
  maxNumBatchedTokens: "--max-num-batched-tokens",
  maxModelLen: "--max-model-len",
  maxNumBlocks: "--num-gpu-blocks-override",
  maxStepMs: "--max-step-ms",
} as const;
export type NumberSetting = keyof typeof numberSettings;

/** Sends a change, and tells whether it was accepted; what became of it is shown above the forms. */
export type ChangeSettings = (change: Readonly<Record<string, unknown>>) => Promise<boolean>;

export interface SettingRow {
  readonly name: NumberSetting;
  readonly requested: number;
  readonly effective: number;
  /** null: it has none that was allocated. */
  readonly ceiling: number | null;
}

const longestStepMs = 600_000;

export function numberRows({ requested, effective, ceilings }: SettingsState): readonly SettingRow[] {
  return (Object.keys(numberSettings) as NumberSetting[]).map((name) => ({
    name,
    requested: requested[name],
    effective: effective[name],
    ceiling: name === "maxStepMs" ? null : ceilings[name],
  }));
}

/** What was typed for a setting. */
export type Typed =
  | { readonly kind: "same" }
  | { readonly kind: "change"; readonly value: number }
  /** More than was allocated at the start. */
  | { readonly kind: "restart"; readonly value: number }
  | { readonly kind: "wrong" };

export function typedValue(text: string | undefined, { name, requested, ceiling }: SettingRow): Typed {
  if (text === undefined || text.trim() === "") return { kind: "same" };
  const value = Number(text);
  const most = name === "maxStepMs" ? longestStepMs : Number.MAX_SAFE_INTEGER;
  if (!Number.isInteger(value) || value < 1 || value > most) return { kind: "wrong" };
  if (value === requested) return { kind: "same" };
  return ceiling !== null && value > ceiling ? { kind: "restart", value } : { kind: "change", value };
}
