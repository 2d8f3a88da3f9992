/** @module pagoda plan compare A B …: whole starts side by side, or one after another on one card. */
import type { Command } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import type { PlanRequest } from "../../../planner/index.ts";
import { engineAndVersion } from "./flags.ts";

interface CompareOptions {
  readonly gpu?: string;
  readonly gpuMemory?: string;
  readonly together?: boolean;
  readonly engine?: readonly string[];
  readonly json?: boolean;
}

const examples = `
Examples:
  pagoda plan compare --gpu A100-80GB "vllm serve Qwen/Qwen2.5-14B-Instruct-AWQ" "lmdeploy serve api_server Qwen/Qwen2.5-14B-Instruct-AWQ"
  pagoda plan compare --gpu "RTX 4090" "vllm serve Qwen/Qwen2.5-7B-Instruct-AWQ" "vllm serve Qwen/Qwen2.5-7B-Instruct-AWQ --kv-cache-dtype fp8"
  pagoda plan compare --together --gpu L40S --engine vllm@0.8.5 -- "vllm serve meta-llama/Llama-3.2-1B-Instruct --gpu-memory-utilization 0.2" "vllm serve meta-llama/Llama-3.2-1B-Instruct --gpu-memory-utilization 0.3"`;

export function addCompareCommand(plan: Command): void {
  plan
    .command("compare")
    .argument("<commands...>", "starts as they would be typed, each in quotes")
    .description("Several starts on one card side by side.")
    .option("--gpu <name>", "the card")
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--together", "all of them on one card, in this order")
    .option("--engine <name@version...>", "versions of the engines, where a command's image names none")
    .option("--json", "the plans as JSON")
    .addHelpText("after", examples)
    .action(compare);
}

async function compare(commands: readonly string[], options: CompareOptions): Promise<void> {
  const { plan, planInstances } = await import("../../../planner/index.ts");
  const { startsTable, togetherTable } = await import("../../print/plan/starts-table.ts");
  const requests = await startRequests(commands, options);
  const json = (value: unknown): string => JSON.stringify(value, null, 2);
  if (options.together === true) {
    assertOneDevice(requests);
    const card = planInstances(requests);
    process.stdout.write(`${options.json === true ? json(card) : togetherTable(commands, card)}\n`);
    process.exitCode = card.firstFailure === null ? 0 : 3;
    return;
  }
  const answers = requests.map((request) => plan(request));
  process.stdout.write(`${options.json === true ? json(answers) : startsTable(commands, answers)}\n`);
}

/** Cards and processors have memories of their own. */
function assertOneDevice(requests: readonly PlanRequest[]): void {
  const [first, ...others] = requests;
  const other = others.find(({ device }) => device.name !== first?.device.name);
  if (first === undefined || other === undefined) return;
  throw new PagodaError(
    "plan_invalid",
    `--together plans starts on one device; ${first.engine} would run on ${first.device.name}, and ${other.engine} on ${other.device.name}.`,
    { param: "together", hint: "Leave --together out to see the starts side by side." },
  );
}

/** @throws PagodaError `plan_invalid` for an engine without a version, or with two. */
function statedVersions(texts: readonly string[]): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const text of texts) {
    const { engine, version } = engineAndVersion(text);
    if (version !== null && !versions.has(engine)) {
      versions.set(engine, version);
      continue;
    }
    const fault =
      version === null ? `--engine ${text} states no version` : `--engine states two versions of ${engine}`;
    throw new PagodaError("plan_invalid", `${fault}; the engine of each start stands in its command.`, {
      param: "engine",
      hint: "Write it as --engine vllm@0.8.5, once for each engine.",
    });
  }
  return versions;
}

function assertUsed(
  versions: ReadonlyMap<string, string>,
  starts: readonly { readonly engine: string }[],
): void {
  const engines = starts.map(({ engine }) => engine);
  const unused = [...versions.keys()].find((engine) => !engines.includes(engine));
  if (unused === undefined) return;
  throw new PagodaError(
    "plan_invalid",
    `--engine states a version of ${unused}, and the commands start ${[...new Set(engines)].join(" and ")}.`,
    { param: "engine", hint: "Leave it out, or state the version of an engine that is started." },
  );
}

async function startRequests(commands: readonly string[], options: CompareOptions): Promise<PlanRequest[]> {
  const { parseStartCommand, rulesOf } = await import("../../../planner/index.ts");
  const { optionsOn, planRequest } = await import("./request.ts");
  const versions = statedVersions(options.engine ?? []);
  const starts = commands.map((text) => {
    const start = parseStartCommand(text);
    return { ...start, version: start.version ?? versions.get(start.engine) ?? null };
  });
  assertUsed(versions, starts);
  const places = starts.map(({ engine }) => rulesOf(engine).runsOn);
  const isMixed = new Set(places).size > 1;
  const requests: PlanRequest[] = [];
  for (const [at, start] of starts.entries()) {
    const place = places[at];
    const own = isMixed && place !== undefined ? optionsOn(place, options) : options;
    requests.push((await planRequest(start, own)).request);
  }
  return requests;
}
