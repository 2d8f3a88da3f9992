/** @module What LMDeploy says when it does not start, and the change that gets past it (texts of 0.14 to 0.18). */
import { rulesOf } from "../../../planner/index.ts";
import { nearestModel, nearestValue, type Remedy, renamedFlag } from "../contract/remedies.ts";

const flagNames = (): string[] => rulesOf("lmdeploy").flags.map(({ name }) => `--${name}`);

export const lmdeployRemedies: readonly Remedy[] = [
  {
    pattern:
      /argument (?<flag>--[\w-]+)[^:]*: invalid choice: '(?<typed>[^']*)' \(choose from (?<listed>[^)]*)\)/,
    missing: "setting",
    change: ({ flag = "", typed = "", listed = "" }) => nearestValue(flag, typed, listed),
  },
  {
    pattern: /unrecognized arguments: (?<flag>--[\w-]+)/,
    missing: "setting",
    change: ({ flag = "" }, start) => renamedFlag(flag, flagNames(), start),
  },
  {
    pattern:
      /(?:Repo id must be in the form [^:]*: |Can't load the configuration of |Incorrect path_or_model_id: )'(?<path>[^']+)'/,
    missing: "model",
    change: ({ path = "" }, start) => nearestModel(path, start),
  },
];
