/** @module Recognises whose start-up output a text is, and reads it. */
import { PagodaError } from "../../core/errors.ts";
import { readLmdeployLog } from "../engines/lmdeploy/log/read-log.ts";
import { readVllmLog } from "../engines/vllm/log/read-log.ts";
import { type LogEngine, type LogFacts, plainLines } from "../log/log-facts.ts";

/** Words that only one engine writes; each line counts once for each engine. */
const marks: Readonly<Record<LogEngine, RegExp>> = {
  vllm: /\bvllm\b|vLLM|LLM engine \(v|gpu_memory_utilization|GPU KV cache size|# (?:GPU|cuda) blocks|KV cache memory|Model loading took|cache blocks|max seq len/,
  lmdeploy:
    /\blmdeploy\b|LMDeploy|\[TM\]|turbomind|Turbomind|TurboMind|BlockManager|Object cache budget|slab_size \d|session_len|cache_max_entry_count|enough gpu memory|gpu memory: \d+ mb/,
};

/** The engine whose words are more frequent; null where neither is there. */
function engineOfLog(lines: readonly string[]): LogEngine | null {
  const numMarks = (engine: LogEngine): number => lines.filter((line) => marks[engine].test(line)).length;
  const [vllm, lmdeploy] = [numMarks("vllm"), numMarks("lmdeploy")];
  if (vllm === 0 && lmdeploy === 0) return null;
  return vllm >= lmdeploy ? "vllm" : "lmdeploy";
}

/**
 * Reads a start-up log or traceback.
 * @param engine whose log it is, where the user says so.
 * @throws PagodaError `plan_invalid` where nothing of an engine is found.
 */
export function readLog(text: string, engine: LogEngine | null = null): LogFacts {
  const lines = plainLines(text);
  const found = engine ?? engineOfLog(lines);
  if (found === null)
    throw new PagodaError("plan_invalid", "The log holds no line of vLLM or of LMDeploy.", {
      param: "log",
      hint: "Give the start-up output from its first line on, or say whose it is: --engine vllm.",
    });
  return found === "vllm" ? readVllmLog(lines) : readLmdeployLog(lines);
}
