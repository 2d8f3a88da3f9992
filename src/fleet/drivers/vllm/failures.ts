/** @module Why a vLLM ended by itself, from its exit and what it wrote. */
import type { EndKind, FailedStart, ProcessEnd } from "../contract/driver.ts";
import type { EngineStart } from "../contract/engine-start.ts";
import { explainedBy } from "../contract/failed-start.ts";
import { argumentError, rootException } from "../contract/python-error.ts";
import { vllmRemedies } from "./remedies.ts";

const portTaken = /address already in use|\[Errno 98\]/i;
/** It found less free than the share that it wants: often the tree before it has not given its memory back yet; or memory came back meanwhile. */
const notFree =
  /is less than desired (?:GPU|CPU) memory utilization|Error in memory profiling\. Initial free/;
/** Failures that stand in the start itself, beside those of argparse and of the configuration's checks. */
const inTheStart =
  /No available memory for the cache blocks|KV cache is needed|No common block size|out of memory|is less than requested memory for kv|does not appear to have|not a valid model|Repo id|Repository|is not supported|No such file|larger than the maximum number of tokens/i;
const startErrors =
  /^(?:\w*ValidationError|ValueError|KeyError|TypeError|AssertionError|NotImplementedError|FileNotFoundError|OutOfMemoryError|HFValidationError)/;

export function endKind({ exitCode, lastOutput }: ProcessEnd): EndKind {
  const cause = rootException(lastOutput) ?? "";
  if (portTaken.test(cause)) return "port";
  if (notFree.test(lastOutput)) return "memory-not-back";
  if (exitCode === 2 && argumentError(lastOutput) !== null) return "configuration";
  // A ready engine that fails has served before; the same exception is then a crash.
  if (/Application startup complete/.test(lastOutput)) return "crash";
  return startErrors.test(cause) || inTheStart.test(cause) ? "configuration" : "crash";
}

export function explain(end: ProcessEnd, start: EngineStart): FailedStart {
  const said = argumentError(end.lastOutput) ?? rootException(end.lastOutput);
  return explainedBy({ end, start, engine: "vllm", title: "vLLM", said, remedies: vllmRemedies });
}
