/** @module Why an LMDeploy ended by itself, from its exit and what it wrote. */
import type { EndKind, FailedStart, ProcessEnd } from "../contract/driver.ts";
import type { EngineStart } from "../contract/engine-start.ts";
import { explainedByPlanner, plainEnd } from "../contract/failed-start.ts";
import { argumentError, rootException } from "../contract/python-error.ts";

const portTaken = /address already in use|\[Errno 98\]/i;

export function endKind({ exitCode, lastOutput }: ProcessEnd): EndKind {
  if (portTaken.test(lastOutput)) return "port";
  if (exitCode === 2 && argumentError(lastOutput) !== null) return "configuration";
  const cause = rootException(lastOutput) ?? "";
  const isInTheStart =
    /^(?:ValueError|AssertionError|NotImplementedError|FileNotFoundError|OutOfMemoryError|OSError)/.test(
      cause,
    ) || /out of memory|max_block_count.*invalid|No enough gpu memory/i.test(lastOutput);
  return isInTheStart ? "configuration" : "crash";
}

export function explain(end: ProcessEnd, start: EngineStart): FailedStart {
  const planned = explainedByPlanner(end, start, "lmdeploy");
  if (planned !== null) return planned;
  const said = argumentError(end.lastOutput) ?? rootException(end.lastOutput);
  if (said === null) return plainEnd(end);
  return { sentence: `LMDeploy says: ${said}`, missing: "setting", changes: [] };
}
