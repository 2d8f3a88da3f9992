/** @module Why an LMDeploy ended by itself, from its exit and what it wrote. */
import type { EndKind, FailedStart, ProcessEnd } from "../contract/driver.ts";
import type { EngineStart } from "../contract/engine-start.ts";
import { explainedBy } from "../contract/failed-start.ts";
import { argumentError, portError, rootException } from "../contract/python-error.ts";
import { lmdeployRemedies } from "./remedies.ts";

const portTaken = /address already in use|\[Errno 98\]/i;
const startErrors =
  /^(?:ValueError|AssertionError|NotImplementedError|FileNotFoundError|OutOfMemoryError|OSError|HFValidationError|KeyError)/;

export function endKind({ exitCode, lastOutput }: ProcessEnd): EndKind {
  if (portTaken.test(lastOutput)) return "port";
  if (exitCode === 2 && argumentError(lastOutput) !== null) return "configuration";
  if (/Application startup complete/.test(lastOutput)) return "crash";
  const isInTheStart =
    startErrors.test(rootException(lastOutput) ?? "") ||
    /out of memory|max_block_count.*invalid|No enough gpu memory/i.test(lastOutput);
  return isInTheStart ? "configuration" : "crash";
}

export function explain(end: ProcessEnd, start: EngineStart): FailedStart {
  const { lastOutput } = end;
  const said = argumentError(lastOutput) ?? portError(lastOutput) ?? rootException(lastOutput);
  return explainedBy({ end, start, engine: "lmdeploy", title: "LMDeploy", said, remedies: lmdeployRemedies });
}
