/** @module What a vLLM log states. */

import { readCards } from "../../../log/cards.ts";
import { type Collected, collectFacts, emptyFacts, factsOf } from "../../../log/collect-facts.ts";
import type { LogFacts } from "../../../log/log-facts.ts";
import { readOutOfMemory } from "../../../log/out-of-memory.ts";
import { readPastedCommands } from "../../../log/pasted-command.ts";
import type { FlagValue } from "../../../plan/flag.ts";
import { minus } from "../../../quantity/quantity.ts";
import { vllmFlags } from "../settings/flag-table.ts";
import { vllmPatterns } from "./log-lines.ts";
import { vllmMilestone } from "./milestones.ts";
import { readStatedArguments } from "./stated-arguments.ts";

const startWords = /(?:vllm serve|vllm\.entrypoints\.openai\.api_server)\s+/;

/** `quantization=awq_marlin` is the kernel, awq the format. */
function plainQuantization(flags: Record<string, FlagValue>): void {
  const { quantization } = flags;
  if (typeof quantization === "string") flags.quantization = quantization.replace(/_marlin(?:_24)?$/, "");
}

/** Before 2026-07 persistent bytes are printed, later only their sum with the weights. */
function splitConsumed(facts: Collected): void {
  const { consumed, weights } = facts.figures;
  if (consumed !== undefined && weights !== undefined && facts.figures.persistent === undefined)
    facts.figures.persistent = minus(consumed, [weights], "consumed memory less the weights");
}

/** The final line's peak holds the graph estimate that was charged. */
function splitActivations(facts: Collected): void {
  const { activations, graphs, consumed } = facts.figures;
  if (consumed !== undefined && activations !== undefined && graphs !== undefined)
    facts.figures.activations = minus(activations, [graphs], "peak less the charged graph estimate");
}

/** A KV memory below zero ends the start, whatever follows. */
function noMemoryLeft(facts: Collected): void {
  const left = facts.figures.availableKv?.expectedBytes ?? 1;
  if (left <= 0 && facts.failures.length === 0)
    facts.failures.push({ kind: "noKvMemory", message: "Available KV cache memory is not above zero." });
}

/** Lines that state the length of a request are those of a start with that length, whoever set it. */
function statedLength({ counts, flags }: Collected): void {
  if (counts.maxModelLen !== undefined) flags["max-model-len"] ??= String(counts.maxModelLen);
}

/** Reads a vLLM log; lines without a known wording are passed over. */
export function readVllmLog(lines: readonly string[]): LogFacts {
  const facts = emptyFacts();
  readStatedArguments(facts, lines);
  readPastedCommands(facts, lines, startWords, vllmFlags);
  collectFacts(facts, lines, vllmPatterns);
  statedLength(facts);
  plainQuantization(facts.flags);
  splitConsumed(facts);
  splitActivations(facts);
  readCards(facts, lines);
  readOutOfMemory(facts, lines);
  noMemoryLeft(facts);
  facts.reached = vllmMilestone(lines);
  const { numTokens } = facts.counts;
  const isV0Refusal = facts.failures[0]?.kind === "requestTooLong" && facts.counts.suggestedLen === undefined;
  if (isV0Refusal && numTokens !== undefined) facts.counts.suggestedLen = numTokens;
  return factsOf("vllm", facts, facts.hasStarted && facts.failures.length === 0);
}
