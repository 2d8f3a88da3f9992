/** @module The options of a tuning run. */
import { onOrOff, option, wholeNumber } from "../../core/options/option.ts";
import { type Layout, parseLayouts } from "../space/layout.ts";
import { parseRails } from "../watch/guard-rails.ts";
import type { GuardRails } from "../watch/watch.ts";
import { trialSecondsOption, varyOption } from "./simulate-options.ts";

const group = "Tuning:";
const text = (value: string): string => value;

export const tuneOptions = {
  vary: varyOption,
  trialSeconds: trialSecondsOption,
  trials: option(["--trials"], {
    argument: "n",
    parse: wholeNumber(6, 1000),
    help: "at most so many trials on the real engine (default 20)",
    group,
  }),
  instances: option<readonly Layout[]>(["--instances"], {
    argument: "layouts",
    parse: parseLayouts,
    help: "compare instances × seats with the same bytes (--memory) in all, instead: 1x16,2x8,4x4",
    group,
  }),
  watch: option(["--watch"], {
    argument: "url",
    parse: text,
    help: "keep tuning the live settings of this running server instead, minute by minute",
    group,
  }),
  rails: option<Partial<GuardRails>>(["--rails"], {
    argument: "ranges...",
    parse: parseRails,
    help: "guard rails of --watch: max-num-seqs=4:64 max-step-ms=25:400 (default: a quarter to four times of what is in force)",
    group,
  }),
  program: option(["--program"], {
    argument: "path",
    parse: text,
    help: "the executable of a start command, where it is not in the PATH",
    group,
  }),
  report: option(["--report"], {
    argument: "folder",
    parse: text,
    help: "write report.json, report.md and report.html there",
    group,
  }),
  apply: option(["--apply"], {
    argument: null,
    parse: onOrOff,
    help: "change the winner's live settings on the running server at --url",
    group,
  }),
  url: option(["--url"], {
    argument: "url",
    parse: text,
    help: "the running server of --apply (default http://127.0.0.1:8000)",
    group,
  }),
  apiKey: option(["--api-key"], {
    argument: "key",
    parse: text,
    help: "its key, if it asks for one",
    group,
  }),
  json: option(["--json"], {
    argument: null,
    parse: onOrOff,
    help: "print the result as JSON",
    group,
  }),
} as const;
