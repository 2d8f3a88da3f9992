/** @module Between which values a watched setting may move. */
import { PagodaError } from "../../core/errors.ts";
import { type GuardRails, type WatchedSetting, type WatchedSettings, watchedSettings } from "./watch.ts";

const names: Readonly<Record<string, WatchedSetting>> = {
  "max-step-ms": "maxStepMs",
  "max-num-batched-tokens": "maxNumBatchedTokens",
  "max-num-seqs": "maxNumSeqs",
};

/** `max-num-seqs=4:64 max-step-ms=25:400`. */
export function parseRails(text: string): Partial<GuardRails> {
  const entries = text
    .split(/[\s,;]+/)
    .filter((part) => part !== "")
    .map((part) => {
      const [, name = "", low, high] = /^(?:--)?([a-z-]+)=(\d+):(\d+)$/.exec(part) ?? [];
      const setting = names[name];
      const range = [Number(low), Number(high)] as const;
      if (setting !== undefined && range[0] >= 1 && range[0] <= range[1]) return [setting, range] as const;
      throw new PagodaError("invalid_option", `'${part}' is not a guard rail.`, {
        hint: `Write NAME=LEAST:MOST, such as max-num-seqs=4:64; the names are ${Object.keys(names).join(", ")}.`,
      });
    });
  return Object.fromEntries(entries);
}

/** Not stated: from a quarter of what is in force to four times as much, and never above what was allocated. */
export function railsFor(
  stated: Partial<GuardRails>,
  settings: WatchedSettings,
  ceilings: Readonly<Partial<Record<WatchedSetting, number>>>,
): GuardRails {
  const rail = (name: WatchedSetting): readonly [number, number] => {
    const [least, most] = stated[name] ?? [Math.max(1, Math.floor(settings[name] / 4)), settings[name] * 4];
    return [least, Math.min(most, ceilings[name] ?? most)];
  };
  return Object.fromEntries(watchedSettings.map((name) => [name, rail(name)])) as unknown as GuardRails;
}
