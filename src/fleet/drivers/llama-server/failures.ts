/** @module Why a llama-server ended by itself, from its exit and what it wrote. */
import type { EndKind, FailedStart, ProcessEnd } from "../contract/driver.ts";
import type { EngineStart } from "../contract/engine-start.ts";
import { plainEnd } from "../contract/failed-start.ts";
import { nearestModel, type Remedy, remedyFor } from "../contract/remedies.ts";

const portTaken = /couldn't bind|address already in use/i;
/** Time since the start and level in front of a line. */
const prefix = /^[\d.]+ [A-Z] (?:\S+\s+)?/;
const startErrors =
  /^error: |error while handling argument|failed to (?:open|load|create|initialize)|bad_alloc/m;

const remedies: readonly Remedy[] = [
  {
    pattern: /invalid argument: (?<flag>\S+)/,
    missing: "setting",
    change: ({ flag = "" }) => ({ flags: [`without ${flag}`] }),
  },
  {
    pattern: /error while handling argument "(?<flag>[^"]+)"/,
    missing: "setting",
    change: ({ flag = "" }) => ({ flags: [`without ${flag}`] }),
  },
  {
    pattern: /failed to create context|bad_alloc|failed to allocate .*kv/i,
    missing: "kv",
    change: () => null,
  },
  {
    pattern: /failed to load model,? '(?<path>[^']+)'/,
    missing: "model",
    change: ({ path = "" }, start) => nearestModel(path, start),
  },
];

export function endKind({ lastOutput }: ProcessEnd): EndKind {
  if (portTaken.test(lastOutput)) return "port";
  if (/listening on http/.test(lastOutput)) return "crash";
  return startErrors.test(lastOutput) ? "configuration" : "crash";
}

export function explain(end: ProcessEnd, start: EngineStart): FailedStart {
  const lines = end.lastOutput.split("\n").map((line) => line.replace(prefix, ""));
  const said = lines.filter(
    (line) => /error|failed|couldn't|bad_alloc/i.test(line) && !/exiting due/.test(line),
  );
  const last = said.at(-1);
  if (last === undefined) return plainEnd(end);
  const sentence = `llama-server says: ${last.trim()}`;
  const { missing = "setting", changes = [] } = remedyFor(said.join("\n"), sentence, remedies, start) ?? {};
  return { sentence, missing, changes };
}
