/** @module pagoda simulate: what settings would come to under a load, without serving it. */
import type { Command } from "commander";
import { readOptions } from "../../../core/options/read-options.ts";
import { engineOptions } from "../../../instance/index.ts";
import type { SimulationReport } from "../../../tuner/index.ts";
import { describeValue, goalOptions, loadOptions, simulateOptions } from "../../../tuner/options.ts";
import { registerOptions } from "../../options/register-options.ts";
import { alignColumns } from "../../print/text-columns.ts";
import { ProgressLines } from "./progress-lines.ts";
import { recordedLoad } from "./recorded-load.ts";
import { StoppedBySignal, stopOnSignal, tunedModel } from "./tuned-model.ts";

const options = { ...engineOptions, ...loadOptions, ...goalOptions, ...simulateOptions };

const examples = `
Examples:
  32 users on this machine, all settings that change live:
    pagoda simulate m.gguf --memory 900MiB --users 32
  A recorded trace, four times as fast, with a limit:
    pagoda simulate --trace mooncake.jsonl --speed 4 \\
      --p99-ttft 2s
  Which KV dtype and how many seats:
    pagoda simulate --vary kv-cache-dtype max-num-seqs=8,32
  A machine that is not at hand (an estimate):
    pagoda simulate --memory 8GiB \\
      --bandwidth 200GB/s --flops 3TFLOPS`;

export function addSimulateCommand(program: Command): void {
  const command = program
    .command("simulate")
    .argument("[model]", "a folder, a .gguf file or a hub id; default SmolLM2-135M-Instruct")
    .description("Rank settings for a load by simulation: the real scheduler, step times measured here.")
    .addHelpText("after", examples);
  registerOptions(command, options);
  command.action((model: string | undefined, given: Record<string, unknown>) => simulate(model, given));
}

const defaultTop = 12;

async function simulate(argument: string | undefined, given: Record<string, unknown>): Promise<void> {
  const values = readOptions(options, given, process.env);
  const tuner = await import("../../../tuner/index.ts");
  const { prepared, numProcessors } = await tunedModel(argument, values);
  const stop = stopOnSignal();
  const progress = new ProgressLines();
  try {
    const setup = await tuner.setUp({
      prepared,
      load: values,
      recorded: await recordedLoad(values),
      knobs: values.vary === null ? tuner.liveKnobs : tuner.parseKnobs(values.vary.value),
      given,
      environment: process.env,
      numProcessors,
    });
    const goal = tuner.goalFrom(values, setup.source.isTimed);
    const report = await tuner.simulateSettings(setup, goal, values, {
      say: (line) => progress.step(line),
      stop,
    });
    progress.end();
    const text =
      values.json?.value === true
        ? JSON.stringify(report)
        : simulationText(report, values.top?.value ?? defaultTop);
    process.stdout.write(`${text}\n`);
  } catch (thrown) {
    progress.end();
    if (!(thrown instanceof StoppedBySignal)) throw thrown;
  }
}

function simulationText(report: SimulationReport, top: number): string {
  const { stepTimes, present, settings, pruned } = report;
  const error =
    stepTimes.medianError === null
      ? ""
      : `, half of the steps within ${(100 * stepTimes.medianError).toFixed(0)} %`;
  const rows = [present, ...settings.filter(({ flags }) => flags !== "").slice(0, top)].map(
    ({ flags, predicted: { figures, memoryBytes }, numEqual }) => [
      describeValue("tokens/s", figures.outputTokensPerSecond),
      describeValue("p50-ttft", figures.p50TtftMs),
      describeValue("p99-ttft", figures.p99TtftMs),
      describeValue("p99-itl", figures.p99ItlMs),
      figures.numPreemptions.toFixed(0),
      describeValue("memory", memoryBytes),
      `${flags === "" ? "(present)" : flags}${numEqual === 0 ? "" : `  (${numEqual} others are equal)`}`,
    ],
  );
  const header = ["tokens/s", "P50 TTFT", "P99 TTFT", "P99 ITL", "preempted", "memory", "setting"];
  const prunedNote =
    pruned.length === 0
      ? []
      : [
          `${pruned.length} settings do not fit and were never simulated, such as ${Object.entries(
            pruned[0]?.knobs ?? {},
          )
            .map(([name, value]) => `${name} ${value}`)
            .join(", ")}: ${pruned[0]?.reason}`,
        ];
  return [
    `load: ${report.load}`,
    `goal: ${report.goal}`,
    `step times: ${stepTimes.origin}${error}`,
    "",
    ...alignColumns([header, ...rows]),
    "",
    `${settings.length} different outcomes, simulated in ${report.secondsTaken.toFixed(1)} s.`,
    ...prunedNote,
  ].join("\n");
}
