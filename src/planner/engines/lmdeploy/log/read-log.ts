/** @module What an LMDeploy log states: TurboMind of both ages and the PyTorch engine. */

import {
  type Collected,
  collectFacts,
  emptyFacts,
  factsOf,
  withoutPrefix,
} from "../../../log/collect-facts.ts";
import type { LogFacts } from "../../../log/log-facts.ts";
import { readOutOfMemory } from "../../../log/out-of-memory.ts";
import { readPastedCommands } from "../../../log/pasted-command.ts";
import { pythonValues } from "../../../log/python-values.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import { lmdeployFlags } from "../settings/flag-table.ts";
import { lmdeployPatterns, pytorchRunner, slabRunner } from "./log-lines.ts";

/** Fields of the printed engine configuration and their flags. */
const configFlags: Readonly<Record<string, string>> = {
  cache_max_entry_count: "cache-max-entry-count",
  cache_block_seq_len: "cache-block-seq-len",
  block_size: "cache-block-seq-len",
  session_len: "session-len",
  max_batch_size: "max-batch-size",
  max_batches: "max-batch-size",
  max_prefill_token_num: "max-prefill-token-num",
  quant_policy: "quant-policy",
  model_format: "model-format",
  tp: "tp",
  dp: "dp",
  ep: "ep",
  cp: "cp",
  kernel_block_size: "kernel-block-size",
  dtype: "dtype",
};
const unset = new Set(["None", "auto", "-1", ""]);

/** `<QuantPolicy.INT8: 8>` and `QuantPolicy.NONE` as the flag takes them. */
function flagValue(flag: string, value: string): string {
  if (flag !== "quant-policy") return value;
  const number = /:\s*(\d+)>/.exec(value)?.[1];
  return number ?? value.replace(/^.*\./, "").toLowerCase();
}

/** The configuration as the user gave it, then as the engine completed it. */
function readConfigs(facts: Collected, lines: readonly string[]): void {
  const text = lines.join("\n");
  const config =
    /(TurbomindEngineConfig|PytorchEngineConfig|CacheConfig)\(([^\n]*(?:\n(?!\[|\d{4}-)[^\n]*)*)/g;
  for (const [, name, body = ""] of text.matchAll(config)) {
    if (name === "PytorchEngineConfig") facts.runner ??= pytorchRunner;
    for (const [field, value] of Object.entries(pythonValues(body))) {
      const flag = configFlags[field];
      if (flag === undefined || typeof value !== "string" || unset.has(value)) continue;
      facts.flags[flag] ??= flagValue(flag, value);
    }
  }
}

const startWords = /lmdeploy\s+(?:serve\s+api_server|chat(?:\s+turbomind)?)\s+/;

/** A pasted command, then the path that the configuration prints. */
function readCommand(facts: Collected, lines: readonly string[]): void {
  readPastedCommands(facts, lines, startWords, lmdeployFlags);
  const path = /(?:model_path|model_source|model)\s*[=:]\s*'?([\w.-]+\/[\w./-]+)'?/.exec(
    lines.join("\n"),
  )?.[1];
  if (path !== undefined) facts.modelNames.push(path);
}

/** TurboMind dies with one sentence wherever it happens; how far the log had come tells the phase. */
function turbomindPhase(facts: Collected): FailureKind {
  const { free, availableKv } = facts.figures;
  if (facts.hasStarted) return "serving";
  if (free !== undefined || availableKv !== undefined || facts.counts.numBlocks !== undefined)
    return "activations";
  return facts.notes.includes("The weights were loaded.") ? "activations" : "weights";
}

function readFailures(facts: Collected, lines: readonly string[]): void {
  if (facts.failures.length > 0) return;
  const died = lines.find((line) => /CUDA runtime error: out of memory/.test(line));
  if (died !== undefined) {
    facts.failures.push({ kind: turbomindPhase(facts), message: withoutPrefix(died) });
    return;
  }
  const stalled = lines.find((line) => /out of memory at 0\/1\b/.test(line));
  if (stalled !== undefined && !facts.hasStarted) {
    facts.failures.push({ kind: "warmUpStall", message: withoutPrefix(stalled) });
    return;
  }
  readOutOfMemory(facts, lines);
}

/** `[BlockManager] max_block_count` and its like are printed before the warm-up: a start only if nothing died after. */
export function readLmdeployLog(lines: readonly string[]): LogFacts {
  const facts = emptyFacts();
  readConfigs(facts, lines);
  readCommand(facts, lines);
  collectFacts(facts, lines, lmdeployPatterns);
  if (facts.runner === pytorchRunner) facts.flags.backend ??= "pytorch";
  const capacityAlone = facts.hasStarted && !lines.some((line) => isServingLine.test(line));
  if (capacityAlone) facts.hasStarted = false;
  readFailures(facts, lines);
  const { blockSize, numBlocks } = facts.counts;
  const block = blockSize ?? Number(facts.flags["cache-block-seq-len"] ?? 64);
  const hasPool = facts.runner !== slabRunner && numBlocks !== undefined;
  if (hasPool)
    facts.counts.numTokens ??= (facts.runner === pytorchRunner ? numBlocks - 1 : numBlocks) * block;
  const hasFailed = facts.failures.length > 0;
  return factsOf("lmdeploy", facts, !hasFailed && (facts.hasStarted || capacityAlone));
}

const isServingLine = /HINT:\s+Please open|Uvicorn running on|Application startup complete|Warm-up finished/;
