/** @module pagoda status: what a running server does, and what binds it. */
import type { Command } from "commander";
import type { BindingLimitReport, InstanceSnapshot, Snapshot } from "../../api/admin/observatory/index.ts";
import { formatBytes } from "../../core/byte-size.ts";
import { type LabelledText, labelledLines, terminalColumns } from "../print/text-columns.ts";
import { askSnapshot, defaultServerUrl } from "./settings-client.ts";

interface StatusOptions {
  readonly url: string;
  readonly apiKey?: string;
  readonly json?: true;
}

const examples = `
Examples:
    pagoda status
  What binds, for a script:
    pagoda status --json | jq .bindingLimit`;

export function addStatusCommand(program: Command): void {
  program
    .command("status")
    .description("Show the load, the latencies and the memory of a running server, and what binds it.")
    .option("--url <url>", "the server", defaultServerUrl)
    .option("--api-key <key>", "its key, if it asks for one")
    .option("--json", "print the server's snapshot as one line of JSON")
    .addHelpText("after", examples)
    .action(async (options: StatusOptions) => {
      const snapshot = await askSnapshot(options);
      console.log(options.json ? JSON.stringify(snapshot) : statusText(snapshot, terminalColumns()));
    });
}

/** @param columns of the terminal; null: lines of any length */
export function statusText({ instances, router, bindingLimit }: Snapshot, columns: number | null): string {
  const rows: LabelledText[] = [];
  for (const instance of Object.values(instances)) rows.push(...instanceRows(instance));
  if (router !== null)
    rows.push(["router", `${router.numRunning} running, ${router.numWaiting} waiting, ${router.policy}`]);
  if (Object.keys(instances).length !== 1) rows.push(["binds", boundText(bindingLimit)]);
  return labelledLines(rows, columns).join("\n");
}

function instanceRows(instance: InstanceSnapshot): LabelledText[] {
  const { instanceId, state, reason, engine, numRunning, numWaiting, rates, latency, memory, blocks } =
    instance;
  const rows: LabelledText[] = [
    [instanceId, `${state}${reason === null ? "" : `: ${reason}`} (${engine})`],
    ["load", `${shown(numRunning)} running, ${shown(numWaiting)} waiting`],
  ];
  if (rates !== null)
    rows.push([
      "tokens",
      `${rounded(rates.promptTokensPerSecond)} prompt and ${rounded(rates.generatedTokensPerSecond)} generated tokens/s`,
    ]);
  for (const { seconds, timeToFirstToken, interToken } of latency ?? [])
    if (timeToFirstToken !== null)
      rows.push([
        `${seconds / 60} min`,
        `first token ${percentilesText(timeToFirstToken)}; between tokens ${interToken === null ? "unknown" : percentilesText(interToken)}`,
      ]);
  if (memory !== null)
    rows.push([
      "memory",
      `${formatBytes(memory.residentBytes)} resident${memory.capBytes === null ? "" : ` of ${formatBytes(memory.capBytes)}`}`,
    ]);
  if (blocks !== null)
    rows.push([
      "KV blocks",
      `${blocks.numReferenced} referenced, ${blocks.numCached} cached, ${blocks.numFree} free of ${blocks.numTotal}`,
    ]);
  if (instance.prefixCache !== null) rows.push(["prefixes", instance.prefixCache.next.sentence]);
  if (instance.bindingLimit !== null) rows.push(["binds", boundText(instance.bindingLimit)]);
  return rows;
}

function boundText({ limit, shares, sentence, relief }: BindingLimitReport): string {
  const share = shares[0] === undefined ? "" : ` (${Math.round(100 * shares[0].share)} % of the last minute)`;
  return `${limit}${share}: ${sentence}${relief === null ? "" : ` ${reliefText(relief)}`}`;
}

function reliefText({ flag, setting, bytes, stepMs }: NonNullable<BindingLimitReport["relief"]>): string {
  const costs = [
    ...(bytes === null || bytes === 0 ? [] : [formatBytes(bytes)]),
    ...(stepMs === null || stepMs === 0 ? [] : [`${rounded(stepMs)} ms a step`]),
  ];
  const cost = costs.length === 0 ? "" : `, for ${costs.join(" and ")}`;
  return `${flag} relieves it${cost}${setting === null ? "" : ` (pagoda set changes it at once)`}.`;
}

function percentilesText({ p50Ms, p90Ms, p99Ms }: { p50Ms: number; p90Ms: number; p99Ms: number }): string {
  return `P50 ${rounded(p50Ms)}, P90 ${rounded(p90Ms)}, P99 ${rounded(p99Ms)} ms`;
}

function shown(value: number | null): string {
  return value === null ? "unknown" : String(value);
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
