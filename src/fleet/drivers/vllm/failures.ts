/** @module Why a vLLM ended by itself, from its exit and what it wrote. */
import type { EndKind, FailedStart, ProcessEnd } from "../contract/driver.ts";
import type { EngineStart } from "../contract/engine-start.ts";
import { explainedByPlanner, plainEnd } from "../contract/failed-start.ts";
import { argumentError, rootException } from "../contract/python-error.ts";

const portTaken = /address already in use|\[Errno 98\]/i;
/** It found less free than the share that it wants: often the tree before it has not given its memory back yet. */
const notFree = /is less than desired (?:GPU|CPU) memory utilization/;
/** Failures that stand in the start itself, beside those of argparse and of the configuration's checks. */
const inTheStart =
  /No available memory for the cache blocks|KV cache is needed|out of memory|is less than requested memory for kv|does not appear to have|not a valid model|Repository|is not supported|No such file|larger than the maximum number of tokens/i;

export function endKind({ exitCode, lastOutput }: ProcessEnd): EndKind {
  const cause = rootException(lastOutput) ?? "";
  if (portTaken.test(cause)) return "port";
  if (notFree.test(cause)) return "memory-not-back";
  if (exitCode === 2 && argumentError(lastOutput) !== null) return "configuration";
  if (/^(?:ValidationError|ValueError|NotImplementedError|FileNotFoundError|OutOfMemoryError)/.test(cause))
    return "configuration";
  return inTheStart.test(cause) ? "configuration" : "crash";
}

export function explain(end: ProcessEnd, start: EngineStart): FailedStart {
  const planned = explainedByPlanner(end, start, "vllm");
  if (planned !== null) return planned;
  const said = argumentError(end.lastOutput) ?? rootException(end.lastOutput);
  if (said === null) return plainEnd(end);
  return { sentence: `vLLM says: ${said}`, missing: "setting", changes: [] };
}
