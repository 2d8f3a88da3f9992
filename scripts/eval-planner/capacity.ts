/** @module What a real vLLM allocated for small configurations against the plan of the same start. */

import {
  type ConfigObject,
  findDevice,
  type PlanRequest,
  parseModelConfig,
  plan,
} from "../../src/planner/index.ts";
import { pythonRound2 } from "../../src/planner/quantity/bytes.ts";
import type { CapacityReport } from "./report.ts";

export interface CapacityRow {
  readonly model: string;
  readonly config: ConfigObject;
  readonly args: Readonly<Record<string, number | string | boolean>>;
  readonly dtype: string;
  readonly engine_version: string;
  readonly kv_tokens?: number;
  readonly max_concurrency?: number;
  readonly num_blocks?: number;
  readonly block_size?: number;
  readonly error?: string;
}

function requestOf(row: CapacityRow): PlanRequest {
  const flags: Record<string, string | true> = { dtype: row.dtype };
  for (const [name, value] of Object.entries(row.args)) {
    if (value === false) continue;
    flags[name.replaceAll("_", "-")] = value === true ? true : String(value);
  }
  const isCpu = row.engine_version.includes("cpu");
  const facts = parseModelConfig(row.model, row.config);
  return {
    model: facts,
    device: isCpu ? findDevice("CPU") : findDevice("A100-80GB"),
    usedBytes: 0,
    engine: "vllm",
    version: row.engine_version,
    flags,
    usage: "library",
  };
}

/** Differences between our plan and a real start; empty: exact. */
export function capacityMisses(row: CapacityRow): string[] {
  const answer = plan(requestOf(row));
  if (row.error !== undefined) {
    const ours = answer.verdict.engineMessage ?? "it starts";
    return ours === row.error ? [] : [`${row.model}: "${ours}" for "${row.error}"`];
  }
  const { kv } = answer;
  const misses: string[] = [];
  const compare = (what: string, ours: number | undefined, theirs: number | undefined): void => {
    if (theirs !== undefined && (ours === undefined || Math.abs(ours - theirs) > 1e-9))
      misses.push(`${row.model}: ${what} ${ours}, real ${theirs}`);
  };
  compare("blocks", kv?.numBlocks.expected, row.num_blocks);
  compare("tokens", kv?.numTokens.expected, row.kv_tokens);
  compare("block size", kv?.blockSize, row.block_size);
  compare(
    "concurrency",
    kv === null ? undefined : pythonRound2(kv.concurrency.expected),
    row.max_concurrency,
  );
  return misses;
}

export function capacityReport(rows: readonly CapacityRow[]): CapacityReport {
  const misses = rows.map(capacityMisses);
  return {
    numCases: rows.length,
    numExact: misses.filter((found) => found.length === 0).length,
    misses: misses.flat(),
  };
}
