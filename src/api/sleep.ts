/** @module The query of POST /sleep, as vLLM has it. */
import { PagodaError } from "../core/errors.ts";
import type { SleepLevel } from "../core/generation.ts";
import { shownText } from "./shown-text.ts";

export interface SleepQuery {
  readonly level?: string;
  readonly mode?: string;
  readonly model?: string;
}

export interface AskedSleep {
  readonly level: SleepLevel;
  /** Whether running requests may finish; otherwise they are ended. */
  readonly waits: boolean;
  readonly model: string | null;
}

/** Throws `invalid_request` for a level or a mode that there is not. */
export function parseSleepQuery({ level = "1", mode = "abort", model }: SleepQuery): AskedSleep {
  if (level !== "1" && level !== "2")
    throw new PagodaError(
      "invalid_request",
      `'level' must be 1 or 2, but it is '${shownText(String(level))}'.`,
      {
        param: "level",
        hint: "Level 1 gives back the KV pool, level 2 the weights too.",
      },
    );
  if (mode !== "abort" && mode !== "wait")
    throw new PagodaError(
      "invalid_request",
      `'mode' must be abort or wait, but it is '${shownText(String(mode))}'.`,
      {
        param: "mode",
        hint: "With 'wait', running requests finish first.",
      },
    );
  return { level: level === "1" ? 1 : 2, waits: mode === "wait", model: model ?? null };
}
