/** @module What our own command line says when it does not start, and the change that gets past it. */
import { rulesOf } from "../../../planner/index.ts";
import { nearestModel, nearestOf, nearestValue, type Remedy, renamedFlag } from "../contract/remedies.ts";

const flagNames = (): string[] => rulesOf("pagoda").flags.map(({ name }) => `--${name}`);

/** A hint that names one flag with its value; the planner has tried it. */
const hinted = /Use (?<flag>--[a-z][a-z-]*)[ =](?<value>[\w.]*\w)/;

export const pagodaRemedies: readonly Remedy[] = [
  {
    pattern: new RegExp(`KV (?:cache|pool).*${hinted.source}`, "s"),
    missing: "kv",
    change: ({ flag, value }) => ({ flags: [`${flag} ${value}`] }),
  },
  {
    pattern: hinted,
    missing: "setting",
    change: ({ flag, value }) => ({ flags: [`${flag} ${value}`] }),
  },
  {
    pattern: /unknown option '(?<flag>--[\w-]+)/,
    missing: "setting",
    change: ({ flag = "" }, start) => renamedFlag(flag, flagNames(), start),
  },
  {
    pattern: /^(?<flag>--[\w-]+): '(?<typed>[^']*)' is not one of (?<listed>[^.]*)\./,
    missing: "setting",
    change: ({ flag = "", typed = "", listed = "" }) => nearestValue(flag, typed, listed),
  },
  {
    pattern:
      /^(?<flag>--[\w-]+): '(?<typed>[^']*)' is not a whole number between (?<least>\d+) and (?<most>\d+)/,
    missing: "setting",
    change: ({ flag, typed, least, most }) => ({
      flags: [`${flag} ${Number(typed) > Number(most) ? most : least}`],
    }),
  },
  {
    pattern: /^(?<flag>--[\w-]+): The .*file .* does not exist/,
    missing: "setting",
    change: ({ flag }) => ({ flags: [`without ${flag}`] }),
  },
  {
    pattern: /The folder (?<folder>\S+) has no (?<name>\S+)\. The folder has (?<listed>.*)\./,
    missing: "model",
    change: ({ folder, name = "", listed = "" }, start) => {
      const right = nearestOf(name, listed.split(", "));
      const from = start.words.find((word) => word.endsWith(name));
      if (right === null || from === undefined) return null;
      return { flags: [], model: { from, to: `${folder}/${right}` } };
    },
  },
  {
    pattern: /The (?:file|folder|model) (?<path>\/\S+) (?:does not exist|was not found)/,
    missing: "model",
    change: ({ path = "" }, start) => nearestModel(path, start),
  },
];
