/**
 * @module The tuner of started engines beside Optuna: the same engine, space, requests and number of trials.
 *
 *   node scripts/eval-optuna.ts --engine llama-server|vllm --folder F --program P --model M --python PY STEP
 *
 * STEP: --tuner, --optuna (goes on where it ended), --compare (both answers and the present setting in turns), --record.
 * PY is a Python that has optuna. Optuna's first trial is the present setting, as the tuner's is.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readOptions } from "../src/core/options/read-options.ts";
import { median } from "../src/core/statistics.ts";
import { commandText } from "../src/planner/index.ts";
import { endWithSignals } from "../src/process/started-processes.ts";
import { changedWords, serverKnobs, valueIn } from "../src/tuner/engines/restarted-engines.ts";
import { loadOptions, trafficSource } from "../src/tuner/options/load-options.ts";
import { EngineServers, type ServerStart } from "../src/tuner/servers/engine-servers.ts";
import { tuneServers } from "../src/tuner/servers/tune-servers.ts";
import { ordinaryTokens } from "../src/tuner/traffic/token-source.ts";
import { warmUpTraffic } from "../src/tuner/trial/calibration-traffic.ts";
import { conditions, recordSection } from "./tuner-trials/record.ts";

const { values } = parseArgs({
  options: {
    engine: { type: "string", default: "llama-server" },
    folder: { type: "string", default: join(tmpdir(), "pagoda-eval-optuna") },
    program: { type: "string" },
    model: { type: "string", default: "model.gguf" },
    python: { type: "string", default: "python3" },
    seconds: { type: "string", default: "330" },
    tuner: { type: "boolean", default: false },
    optuna: { type: "boolean", default: false },
    compare: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
  },
});

interface Trial {
  readonly params: Readonly<Record<string, string>>;
  /** Tokens a second. */
  readonly value: number;
}
interface Answer {
  readonly words: readonly string[];
  readonly numTrials: number;
  readonly numStarts: number;
  readonly seconds: number;
}
interface EngineCase {
  readonly words: readonly string[];
  readonly load: Readonly<Record<string, string>>;
  readonly numTrials: number;
}

const cases: Readonly<Record<string, EngineCase>> = {
  "llama-server": {
    words: ["llama-server", "-m", values.model, "-c", "8192", "-np", "8"],
    load: { users: "16", requests: "16", promptTokens: "32-96", outputTokens: "24" },
    numTrials: 14,
  },
  vllm: {
    words: [
      ...["vllm", "serve", values.model, "--max-model-len", "1024", "--dtype", "bfloat16", "--enforce-eager"],
      ...["--kv-cache-memory-bytes", "268435456", "--max-num-seqs", "8"],
    ],
    load: { users: "16", requests: "16", promptTokens: "32-96", outputTokens: "16" },
    numTrials: 12,
  },
};

const numRounds = 4;
const turnsSeed = 901;
const optunaSeed = 101;
const engineCase = cases[values.engine];
if (engineCase === undefined)
  throw new Error(`No case for ${values.engine}: ${Object.keys(cases).join(", ")}.`);
const { words, numTrials } = engineCase;
const range = ordinaryTokens(32_000);
const knobs = serverKnobs(values.engine, null);
const source = trafficSource(readOptions(loadOptions, engineCase.load, {}), { maxModelLen: 1024 }, range);
const numRequests = source.numRequests ?? 0;
const start: ServerStart = {
  engine: values.engine,
  words,
  program: values.program === undefined ? null : [values.program],
};
const stop = new AbortController().signal;
mkdirSync(values.folder, { recursive: true });
const pathOf = (kind: string): string => join(values.folder, `${values.engine}-${kind}.json`);
const read = <T>(kind: string, otherwise: T): T =>
  existsSync(pathOf(kind)) ? (JSON.parse(readFileSync(pathOf(kind), "utf8")) as T) : otherwise;
const write = (kind: string, content: unknown): void => writeFileSync(pathOf(kind), JSON.stringify(content));

async function runTuner(): Promise<void> {
  const startedMs = performance.now();
  const tuned = await tuneServers({
    ...{ start, knobs, source, numRequests, stop, maxTrials: numTrials },
    goal: { objective: "tokens/s", constraints: [] },
    warmUp: warmUpTraffic(range),
    onTrial: ({ flags, phase, figures }, numDone) =>
      console.error(
        `tuner ${numDone} (${phase}): ${figures.outputTokensPerSecond.toFixed(1)} tokens/s  ${flags}`,
      ),
  });
  const answer: Answer = {
    words: tuned.winnerWords ?? words,
    numTrials: tuned.result.trials.length,
    numStarts: tuned.numStarts,
    seconds: (performance.now() - startedMs) / 1000,
  };
  write("tuner", answer);
}

/** The values of each knob, that of the present setting with them. */
const space = Object.fromEntries(
  knobs.map(({ name, values: stated }) => [
    name,
    [...new Set([valueIn(words, name) ?? "default", ...stated])],
  ]),
);

function nextOf(trials: readonly Trial[]): Readonly<Record<string, string>> {
  if (trials.length === 0)
    return Object.fromEntries(Object.entries(space).map(([name, [first]]) => [name, first ?? ""]));
  const script = fileURLToPath(new URL("./tuner-trials/optuna-ask.py", import.meta.url));
  const input = JSON.stringify({ space, trials, seed: 1 });
  const { params } = JSON.parse(execFileSync(values.python, [script], { input, encoding: "utf8" }));
  return params;
}

function wordsOf(params: Readonly<Record<string, string>>): readonly string[] {
  return changedWords(
    words,
    Object.fromEntries(Object.entries(params).filter(([, value]) => value !== "default")),
  );
}

async function runOptuna(): Promise<void> {
  const known = read<{ trials: Trial[]; seconds: number; numStarts: number }>("optuna", {
    trials: [],
    seconds: 0,
    numStarts: 0,
  });
  const startedMs = performance.now();
  const endsMs = startedMs + Number(values.seconds) * 1000;
  while (known.trials.length < numTrials && performance.now() < endsMs) {
    const params = nextOf(known.trials);
    const servers = new EngineServers(1, warmUpTraffic(range));
    const seed = source.firstSeed + optunaSeed + known.trials.length;
    const beforeMs = performance.now();
    const value = await servers
      .measure({ ...start, words: wordsOf(params) }, source.traffic(seed, numRequests), stop)
      .then(({ figures }) => figures.outputTokensPerSecond)
      // A setting that does not start has no tokens.
      .catch(() => 0);
    await servers.close();
    known.trials.push({ params, value });
    known.seconds += (performance.now() - beforeMs) / 1000;
    known.numStarts++;
    write("optuna", known);
    console.error(`optuna ${known.trials.length}: ${value.toFixed(1)} tokens/s  ${JSON.stringify(params)}`);
  }
}

function optunaAnswer(): Answer {
  const { trials, seconds, numStarts } = read<{ trials: Trial[]; seconds: number; numStarts: number }>(
    "optuna",
    { trials: [], seconds: 0, numStarts: 0 },
  );
  const [best] = [...trials].sort((a, b) => b.value - a.value);
  return { words: wordsOf(best?.params ?? {}), numTrials: trials.length, numStarts, seconds };
}

/** Answers that are the same setting share its server, which must see each load once: a second time its prompts are cached. */
async function compare(): Promise<void> {
  const contenders = {
    tuner: read<Answer | null>("tuner", null)?.words ?? words,
    optuna: optunaAnswer().words,
    present: words,
  };
  const servers = new EngineServers(3, warmUpTraffic(range));
  const turns = new Map<string, number[]>();
  for (let round = 0; round < numRounds; round++) {
    const traffic = source.traffic(turnsSeed + round, numRequests);
    for (const key of new Set(Object.values(contenders).map((contender) => JSON.stringify(contender)))) {
      const { figures } = await servers.measure({ ...start, words: JSON.parse(key) }, traffic, stop);
      turns.set(key, [...(turns.get(key) ?? []), figures.outputTokensPerSecond]);
      console.error(`${key}: ${figures.outputTokensPerSecond.toFixed(1)} tokens/s`);
    }
  }
  await servers.close();
  const named = Object.entries(contenders).map(([name, contender]) => [
    name,
    turns.get(JSON.stringify(contender)),
  ]);
  write("turns", { turns: Object.fromEntries(named), where: conditions() });
}

function record(): void {
  const rows: string[] = [];
  let where = "";
  for (const engine of Object.keys(cases)) {
    const of = <T>(kind: string): T | null => {
      const path = join(values.folder, `${engine}-${kind}.json`);
      return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : null;
    };
    const tuner = of<Answer>("tuner");
    const optuna = of<{ trials: Trial[]; seconds: number; numStarts: number }>("optuna");
    const turns = of<{ turns: Record<"tuner" | "optuna" | "present", number[]>; where: string }>("turns");
    if (tuner === null || optuna === null || turns === null) continue;
    where = turns.where;
    const changed =
      tuner.words.join(" ") === cases[engine]?.words.join(" ")
        ? "the present one is kept"
        : `\`${commandText([...tuner.words]).replace(values.model, "MODEL")}\``;
    const [best] = [...optuna.trials].sort((a, b) => b.value - a.value);
    const optunaText = Object.entries(best?.params ?? {})
      .map(([name, value]) => `--${name} ${value}`)
      .join(" ");
    const shown = (all: readonly number[]): string =>
      `${median(all).toFixed(0)} (${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)})`;
    rows.push(
      `| ${engine} | present setting | ${shown(turns.turns.present)} | | | | |`,
      `| | \`pagoda tune\` | ${shown(turns.turns.tuner)} | ${tuner.numTrials} | ${tuner.numStarts} | ${tuner.seconds.toFixed(0)} s | ${changed} |`,
      `| | Optuna (TPE) | ${shown(turns.turns.optuna)} | ${optuna.trials.length} | ${optuna.numStarts} | ${optuna.seconds.toFixed(0)} s | \`${optunaText}\` |`,
    );
  }
  const section = `## Beside Optuna on real engines

The same engine, values to choose among, requests and client; the goal is most tokens a second. Optuna's sampler is TPE with its defaults, and its first trial is the present setting. Both answers and the present setting were then measured in turns, ${numRounds} rounds with new requests: medians, and the least and most. ${where}.

| engine | | tokens/s in turns | trials | starts | time | setting |
|---|---|---|---|---|---|---|
${rows.join("\n")}

To repeat: \`node scripts/eval-optuna.ts --engine E --program P --model M --python PY\` with \`--tuner\`, \`--optuna\`, \`--compare\` and \`--record\`.
`;
  console.log(section);
  recordSection(section);
}

endWithSignals();
if (values.tuner) await runTuner();
if (values.optuna) await runOptuna();
if (values.compare) await compare();
if (values.record) record();
process.exit();
