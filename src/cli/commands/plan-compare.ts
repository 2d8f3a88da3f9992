/** @module `pagoda plan compare A B …`: whole starts side by side, each as its own command line. */
import type { Command } from "commander";
import { formatBytes } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import type { CardPlan, Plan, PlanRequest } from "../../planner/index.ts";
import { flagsOf } from "./plan-flags.ts";

interface CompareOptions {
  readonly gpu?: string;
  readonly gpuMemory?: string;
  readonly together?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  pagoda plan compare --gpu A100 "vllm serve Qwen/Qwen2.5-14B-Instruct-AWQ" "lmdeploy serve api_server Qwen/Qwen2.5-14B-Instruct-AWQ"
  pagoda plan compare --gpu "RTX 4090" "vllm serve Qwen/Qwen2.5-7B-Instruct-AWQ" "vllm serve Qwen/Qwen2.5-7B-Instruct-AWQ --kv-cache-dtype fp8"`;

export function addCompareCommand(plan: Command): void {
  plan
    .command("compare")
    .argument("<commands...>", "starts as they would be typed, each in quotes")
    .description("Several starts on one card side by side.")
    .option("--gpu <name>", "the card")
    .option("--gpu-memory <size>", "memory of one card, for a card that is not in the catalogue")
    .option("--together", "all of them on one card, in this order")
    .option("--json", "the plans as JSON")
    .addHelpText("after", examples)
    .action(async (commands: readonly string[], options: CompareOptions) => {
      const requests = await startRequests(commands, options);
      if (options.together === true) {
        const { planInstances } = await import("../../planner/index.ts");
        const card = planInstances(requests);
        const printed = options.json === true ? JSON.stringify(card, null, 2) : togetherTable(commands, card);
        process.stdout.write(`${printed}\n`);
        process.exitCode = card.firstFailure === null ? 0 : 3;
        return;
      }
      const { plan } = await import("../../planner/index.ts");
      const answers = requests.map((request) => plan(request));
      const text = options.json === true ? JSON.stringify(answers, null, 2) : compareTable(commands, answers);
      process.stdout.write(`${text}\n`);
    });
}

/** `vllm serve MODEL …` and `lmdeploy serve api_server MODEL …`: engine, model, flags. */
function parseStart(text: string): {
  readonly engine: string;
  readonly model: string;
  readonly flags: Record<string, string | true>;
} {
  const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? "",
  );
  const [engine = "", ...rest] = words;
  const positions = rest.findIndex((word) => word !== "serve" && word !== "api_server");
  const [model = "", ...flags] = positions === -1 ? [] : rest.slice(positions);
  if (model === "" || model.startsWith("-"))
    throw new PagodaError("plan_invalid", `"${text}" names no model.`, {
      hint: 'Write it as typed: "vllm serve MODEL --flag value".',
    });
  return { engine, model, flags: flagsOf(flags) };
}

async function startRequests(commands: readonly string[], options: CompareOptions): Promise<PlanRequest[]> {
  const { draftOf, planModel } = await import("./plan-model.ts");
  const { planDevice } = await import("./plan-device.ts");
  const { sourceSettingsFrom } = await import("../../model/source/resolve-model.ts");
  const { device } = planDevice(options);
  const settings = sourceSettingsFrom(process.env);
  const requests: PlanRequest[] = [];
  for (const text of commands) {
    const { engine, model, flags } = parseStart(text);
    const { facts, stored } = await planModel(model, settings);
    const known = stored === null ? {} : { storedWeightsBytes: stored.expectedBytes };
    const draft = await draftOf(flags, settings);
    const start = { device, usedBytes: 0, engine, version: null, usage: "serve" as const };
    requests.push({ ...start, model: facts, flags, ...known, ...draft });
  }
  return requests;
}

/** One line for each start in order, then what may happen at once. */
function togetherTable(commands: readonly string[], card: CardPlan): string {
  const lines = card.instances.map(({ index, usedBytes, heldBytes, plan }) => {
    const found = `   finds ${formatBytes(usedBytes)} taken`;
    const outcome =
      heldBytes > 0
        ? `starts, holds ${formatBytes(heldBytes)}, ${plan.kv?.numTokens.expected ?? 0} KV tokens`
        : `${plan.verdict.kind}: ${plan.verdict.reason}`;
    const atOnce = card.atOnce[index];
    const race = `   all at once, at the worst: ${atOnce?.starts === true ? "starts" : "fails"} (${atOnce?.why ?? ""})`;
    return [`${index + 1}. ${commands[index] ?? ""}`, `${found}: ${outcome}`, race].join("\n");
  });
  return [...lines, `taken in the end: ${formatBytes(card.takenBytes)}`].join("\n");
}

function compareTable(commands: readonly string[], answers: readonly Plan[]): string {
  return answers
    .map((answer, index) => {
      const of = (name: string): string =>
        formatBytes(answer.components.find((part) => part.name === name)?.quantity.expectedBytes ?? 0);
      const { kv } = answer;
      return [
        `${index + 1}. ${commands[index] ?? ""}`,
        `   ${answer.verdict.kind}: ${answer.verdict.reason}`,
        `   weights ${of("weights")}, activations ${of("activations")}, KV ${of("kvPool")}: ${kv?.numTokens.expected ?? 0} tokens, ` +
          `${(kv?.concurrency.expected ?? 0).toFixed(2)} requests of ${kv?.maxModelLen ?? 0}`,
      ].join("\n");
    })
    .join("\n");
}
