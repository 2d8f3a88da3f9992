/** @module pagoda tune: finds a setting for a goal, and proves it by measurement. */
import type { Command } from "commander";
import { readOptions } from "../../../core/options/read-options.ts";
import type { TuneReport } from "../../../tuner/index.ts";
import { describeValue } from "../../../tuner/options.ts";
import { registerOptions } from "../../options/register-options.ts";
import { version } from "../../print/version.ts";
import { keepTuningRun } from "../../tuning-runs/tuning-runs.ts";
import { askSettings, defaultServerUrl } from "../settings-client.ts";
import { ProgressLines } from "./progress-lines.ts";
import { recordedLoad } from "./recorded-load.ts";
import { type TuneCommandValues, tuneCommandOptions } from "./tune-command-values.ts";
import { tuneInstances } from "./tune-instances.ts";
import { isStartCommand, tunedServers } from "./tune-servers.ts";
import { tuneWatch } from "./tune-watch.ts";
import { StoppedBySignal, stopOnSignal, tunedModel } from "./tuned-model.ts";

const examples = `
Examples:
  32 users, first tokens within half a second:
    pagoda tune model.gguf --memory 900MiB --users 32 \\
      --p99-ttft 500ms --p99-itl 60ms
  The same as a goal and its limits, with a report:
    pagoda tune --maximize tokens/s \\
      --subject-to "p99-ttft<500ms" --report ./tuning
  Long shared beginnings, four requests a second:
    pagoda tune --rate 4 --shared-prefix 512x4 \\
      --prompt-tokens p50=60,p95=300 --output-tokens 20-200
  A recorded trace; also the KV dtype may change:
    pagoda tune --trace azure.csv --users 16 \\
      --vary max-num-seqs max-step-ms kv-cache-dtype
  The last requests of the server at port 8000:
    pagoda tune --trace http://127.0.0.1:8000 --apply
  One instance or several, with the same bytes in all:
    pagoda tune --memory 1600MiB --instances 1x16,2x8,4x4
  Another engine, started again for each setting:
    pagoda tune "llama-server -m m.gguf -c 16384 -np 8" \\
      --users 16 --trials 12
  Change the server that runs at port 8000, too:
    pagoda tune --p99-itl 60ms --apply
  Keep the limits of a running server:
    pagoda tune --watch http://127.0.0.1:8000 \\
      --p99-itl 60ms --rails max-num-seqs=4:64

The present setting is the one of the flags, or the
defaults. Ctrl-C ends it; nothing was changed then.`;

export function addTuneCommand(program: Command): void {
  const command = program
    .command("tune")
    .argument(
      "[model]",
      "a folder, a .gguf file or a hub id, or the start command of vLLM or llama-server in quotes; default SmolLM2-135M-Instruct",
    )
    .description("Find the setting that serves a load best: simulate all, measure the best in turns.")
    .addHelpText("after", examples);
  registerOptions(command, tuneCommandOptions);
  command.action((model: string | undefined, given: Record<string, unknown>) => tune(model, given));
}

async function tune(argument: string | undefined, given: Record<string, unknown>): Promise<void> {
  const values = readOptions(tuneCommandOptions, given, process.env);
  const tuner = await import("../../../tuner/index.ts");
  if (values.report !== null) tuner.prepareReportFolder(values.report.value);
  if (values.apply?.value === true) await askSettings(currentSettings, addressOf(values));
  const progress = new ProgressLines();
  try {
    if (values.watch !== null) return await tuneWatch(values, progress);
    if (values.instances !== null) return await tuneInstances(argument, given, values, progress);
    const { report, knobs } = isStartCommand(argument)
      ? { report: await tunedServers(argument, values, progress), knobs: null }
      : await tunedReport(argument, given, values, progress);
    progress.end();
    if (values.report !== null) tuner.writeReport(report, values.report.value);
    await keepTuningRun(tuner.tuningRun(report), process.env);
    process.stdout.write(values.json?.value === true ? `${JSON.stringify(report)}\n` : tuningText(report));
    if (values.report !== null) progress.line(`The report is in ${values.report.value}/report.html.`);
    if (values.apply?.value === true && knobs !== null) await apply(knobs, values, progress);
  } catch (thrown) {
    progress.end();
    if (!(thrown instanceof StoppedBySignal)) throw thrown;
    progress.line(
      values.watch === null ? "Stopped. Nothing was changed." : "Stopped. The settings stay as they are.",
    );
  }
}

async function tunedReport(
  argument: string | undefined,
  given: Record<string, unknown>,
  values: TuneCommandValues,
  progress: ProgressLines,
): Promise<{ readonly report: TuneReport; readonly knobs: Readonly<Record<string, string>> | null }> {
  const tuner = await import("../../../tuner/index.ts");
  const { commandText } = await import("../../../planner/index.ts");
  const { prepared, numProcessors } = await tunedModel(argument, values);
  const stop = stopOnSignal();
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
  progress.line(
    `${setup.kept.length} settings fit, ${setup.pruned.length} do not. Goal: ${tuner.describeGoal(goal)}.`,
  );
  const tuned = await tuner.tune(setup, goal, values, {
    progress: (line) => progress.step(line),
    onTrial: ({ flags, phase, figures }, numDone) =>
      progress.line(
        `trial ${numDone} (${phase}): ${describeValue("tokens/s", figures.outputTokensPerSecond)} tokens/s, P99 TTFT ${describeValue("p99-ttft", figures.p99TtftMs)}, P99 ITL ${describeValue("p99-itl", figures.p99ItlMs)}  ${flags === "" ? "(present)" : flags}`,
      ),
    stop,
  });
  const report = tuner.tuneReport({
    pagodaVersion: version,
    engine: "pagoda",
    model: prepared.root,
    command: commandText(["pagoda", ...process.argv.slice(2)]),
    goal,
    load: tuned.load,
    isTimed: setup.source.isTimed,
    stepTimes: { origin: tuned.stepTime.origin, medianError: tuned.stepTime.medianError },
    simulated: tuned.ranked.map(({ candidate, predicted, numEqual }) => ({
      flags: tuner.flagsText(candidate.knobs),
      predicted,
      numEqual,
    })),
    pruned: setup.pruned.map(({ knobs, reason }) => ({ flags: tuner.flagsText(knobs), reason })),
    trials: tuned.result.trials,
    duels: tuned.result.duels,
    winnerFlags: tuned.result.winner?.flags ?? null,
    serveCommand: commandText(tuner.serveWords(argument ?? null, given, tuned.winner ?? {})),
  });
  return { report, knobs: tuned.winner };
}

function tuningText(report: TuneReport): string {
  const { winner, present } = report;
  const limits = (winner ?? present).limits;
  const binds =
    limits === null
      ? []
      : [
          `What binds then: ${limits
            .slice(0, 3)
            .map(([name, share]) => `${name} ${Math.round(100 * share)} %`)
            .join(", ")}.`,
        ];
  return [report.verdict, ...binds, ...report.notes.slice(2), "", `  ${report.serveCommand}`, ""].join("\n");
}

const currentSettings = { method: "GET", path: "/admin/settings", body: null } as const;

function addressOf({ url, apiKey }: TuneCommandValues): { readonly url: string; readonly apiKey?: string } {
  return {
    url: url?.value ?? defaultServerUrl,
    ...(apiKey === null ? {} : { apiKey: apiKey.value }),
  };
}

async function apply(
  knobs: Readonly<Record<string, string>>,
  values: TuneCommandValues,
  progress: ProgressLines,
): Promise<void> {
  const { liveChange } = await import("../../../tuner/index.ts");
  const { body, needRestart } = liveChange(knobs);
  if (needRestart.length > 0)
    progress.line(`${needRestart.join(" and ")} changes only with a restart: use the command above.`);
  if (Object.keys(body).length === 0) return;
  const { revision, state } = await askSettings(
    { method: "PATCH", path: "/admin/settings", body: { ...body, by: "pagoda tune" } },
    addressOf(values),
  );
  progress.line(`The server's settings are changed (revision ${revision}, ${state}).`);
}
