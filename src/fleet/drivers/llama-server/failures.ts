/** @module Why a llama-server ended by itself, from its exit and what it wrote. */
import type { EndKind, FailedStart, ProcessEnd } from "../contract/driver.ts";
import { plainEnd } from "../contract/failed-start.ts";

const portTaken = /couldn't bind|address already in use/i;
const badFlag = /^error: (?:invalid argument|unknown argument|while handling argument).*$/m;
/** What it could not allocate, and the component that this is. */
const allocations: readonly (readonly [RegExp, string])[] = [
  [/failed to allocate (?:buffer for )?(?:the )?kv cache/i, "kv"],
  [/failed to allocate compute/i, "activations"],
  [/unable to allocate .* buffer|failed to allocate .*buffer of size/i, "weights"],
];

export function endKind({ lastOutput }: ProcessEnd): EndKind {
  if (portTaken.test(lastOutput)) return "port";
  if (badFlag.test(lastOutput) || /failed to (?:open|load model)|error loading model/.test(lastOutput))
    return "configuration";
  return allocations.some(([line]) => line.test(lastOutput)) ? "configuration" : "crash";
}

export function explain(end: ProcessEnd): FailedStart {
  const { lastOutput } = end;
  const missing = allocations.find(([line]) => line.test(lastOutput))?.[1] ?? null;
  const said =
    badFlag.exec(lastOutput)?.[0] ??
    lastOutput.split("\n").find((line) => /\berror\b|failed|couldn't/i.test(line)) ??
    null;
  if (said === null) return plainEnd(end);
  return { sentence: `llama-server says: ${said.trim()}`, missing: missing ?? "setting", changes: [] };
}
