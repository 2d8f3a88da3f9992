/** @module pagoda tune with a start command: tunes an engine that must be started again for another setting. */
import type { TuneReport } from "../../../tuner/index.ts";
import { describeValue } from "../../../tuner/options.ts";
import { version } from "../../print/version.ts";
import type { ProgressLines } from "./progress-lines.ts";
import { recordedLoad } from "./recorded-load.ts";
import type { TuneCommandValues } from "./tune-command-values.ts";

const defaultTrials = 14;
const defaultRequests = 32;
/** Ids that the vocabulary of every usual model has. */
const usualVocabulary = 32_000;

/** Whether the argument is a whole start command. */
export function isStartCommand(argument: string | undefined): argument is string {
  return argument !== undefined && /\s/.test(argument.trim());
}

export async function tunedServers(
  command: string,
  values: TuneCommandValues,
  progress: ProgressLines,
): Promise<TuneReport> {
  const tuner = await import("../../../tuner/index.ts");
  const { endWithSignals } = await import("../../../process/started-processes.ts");
  const { commandText, shellCommands } = await import("../../../planner/index.ts");
  endWithSignals();
  const words = shellCommands(command)[0] ?? [];
  const engine = tuner.restartedEngine(words);
  const range = tuner.ordinaryTokens(usualVocabulary);
  const maxModelLen = Number(tuner.valueIn(words, "max-model-len") ?? Number.MAX_SAFE_INTEGER);
  const source = tuner.trafficSource(values, { maxModelLen }, range, await recordedLoad(values));
  const goal = tuner.goalFrom(values, source.isTimed);
  const numRequests = source.numRequests ?? defaultRequests;
  const tuned = await tuner.tuneServers({
    start: { engine, words, program: values.program === null ? null : [values.program.value] },
    knobs: tuner.serverKnobs(engine, values.vary?.value ?? null),
    goal,
    source,
    numRequests,
    maxTrials: values.trials?.value ?? defaultTrials,
    warmUp: tuner.warmUpTraffic(range),
    onTrial: ({ flags, phase, figures }, numDone) =>
      progress.line(
        `trial ${numDone} (${phase}): ${describeValue("tokens/s", figures.outputTokensPerSecond)} tokens/s, P99 TTFT ${describeValue("p99-ttft", figures.p99TtftMs)}, P99 ITL ${describeValue("p99-itl", figures.p99ItlMs)}  ${flags === "" ? "(present)" : flags}`,
      ),
    // A signal ends the servers, then this process.
    stop: new AbortController().signal,
  });
  progress.line(`${engine} was started ${tuned.numStarts} times.`);
  return tuner.tuneReport({
    pagodaVersion: version,
    engine,
    model: words.slice(0, 3).join(" "),
    command: commandText(["pagoda", ...process.argv.slice(2)]),
    goal,
    load: source.traffic(source.firstSeed, numRequests).description,
    isTimed: source.isTimed,
    stepTimes: null,
    simulated: [],
    pruned: tuned.pruned.map(({ knobs, reason }) => ({ flags: tuner.flagsText(knobs), reason })),
    trials: tuned.result.trials,
    duels: tuned.result.duels,
    winnerFlags: tuned.result.winner?.flags ?? null,
    serveCommand: commandText([...(tuned.winnerWords ?? words)]),
  });
}
