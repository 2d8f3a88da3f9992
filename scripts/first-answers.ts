/**
 * @module Are the first answers sensible? Asks the default model twenty everyday questions without a single sampling
 * parameter, and a llama-server with the same file beside it.
 *
 *   node scripts/first-answers.ts [--rounds N] [--llama-server PATH] [--model FILE] [--show]
 *
 * Exits 1 where fewer answers are sensible than llama-server's.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { resolveModel, sourceSettingsFrom } from "../src/model/source/resolve-model.ts";
import { type RunningServer, type ServerCommand, startServer } from "../src/process/server-process.ts";
import { endWithSignals } from "../src/process/started-processes.ts";
import { judge } from "./first-answers/judge.ts";
import { questions } from "./first-answers/questions.ts";

const program = fileURLToPath(new URL("../bin/pagoda.js", import.meta.url));
const modelName = "first-answers";
/** So that an answer without an end does not last for minutes; the only thing that is asked beside the message. */
const mostTokens = 120;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "1" },
    "llama-server": { type: "string" },
    model: { type: "string" },
    show: { type: "boolean", default: false },
  },
});

const chunkSchema = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }) })),
});

/** Streamed, because a slow machine takes longer for a whole answer than a client waits for its beginning. */
async function ask(server: RunningServer, text: string): Promise<string> {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: modelName,
      messages: [{ role: "user", content: text }],
      max_tokens: mostTokens,
      stream: true,
    }),
  });
  const events = [...(await response.text()).matchAll(/^data: (\{.*\})$/gm)];
  return events
    .flatMap(([, event = ""]) => chunkSchema.parse(JSON.parse(event)).choices)
    .map(({ delta }) => delta.content ?? "")
    .join("");
}

/** Sensible answers of each round, of one server. */
async function numSensible(command: ServerCommand, numRounds: number): Promise<readonly number[]> {
  const server = await startServer(command);
  try {
    const rounds: number[] = [];
    for (let round = 0; round < numRounds; round++) {
      let sensible = 0;
      for (const question of questions) {
        const answer = await ask(server, question.text);
        const { isSensible, why } = judge(question, answer);
        if (isSensible) sensible++;
        const shown = answer.replaceAll(/\s+/g, " ").slice(0, 100);
        if (values.show) console.log(`  ${isSensible ? "+" : "-"} ${question.text} → ${shown} ${why}`);
      }
      rounds.push(sensible);
    }
    return rounds;
  } finally {
    await server.stop();
  }
}

function pagoda(modelPath: string): ServerCommand {
  return {
    name: "pagoda",
    command: process.execPath,
    args: (port) => [program, "serve", modelPath, "--served-model-name", modelName, "--port", String(port)],
    model: modelName,
    readyWithinMs: 120_000,
  };
}

/** One thread: several wait for each other in loops, which a busy machine does not forgive. Speed is not judged here. */
function llamaServer(path: string, modelPath: string): ServerCommand {
  return {
    name: "llama-server",
    command: path,
    args: (port) => ["-m", modelPath, "--port", String(port), "-a", modelName, "-t", "1"],
    model: modelName,
    readyWithinMs: 120_000,
  };
}

endWithSignals();
const found = await resolveModel(values.model ?? null, sourceSettingsFrom(process.env), () => undefined);
const peer = values["llama-server"];
const servers = [
  pagoda(found.model.path),
  ...(peer === undefined ? [] : [llamaServer(peer, found.model.path)]),
];
const totals: number[] = [];
for (const server of servers) {
  const rounds = await numSensible(server, Number(values.rounds));
  const total = rounds.reduce((sum, sensible) => sum + sensible, 0);
  totals.push(total);
  console.log(
    `${server.name}: ${total} of ${rounds.length * questions.length} sensible (${rounds.join(", ")})`,
  );
}
const [ours = 0, theirs = 0] = totals;
process.exitCode = ours >= theirs ? 0 : 1;
