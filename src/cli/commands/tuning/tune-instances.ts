/** @module pagoda tune --instances: the same bytes as one large instance or as several small ones, measured. */
import { fileURLToPath } from "node:url";
import { PagodaError } from "../../../core/errors.ts";
import type { PreparedInstance } from "../../../instance/index.ts";
import type { LayoutInputs, LayoutResult } from "../../../tuner/index.ts";
import { describeValue } from "../../../tuner/options.ts";
import { alignColumns } from "../../print/text-columns.ts";
import type { ProgressLines } from "./progress-lines.ts";
import type { TuneCommandValues } from "./tune-command-values.ts";
import { tunedModel } from "./tuned-model.ts";

type Layout = LayoutInputs["layouts"][number]["layout"];

const bin = fileURLToPath(new URL("../../../../bin/pagoda.js", import.meta.url));
const defaultRequestsPerUser = 3;
const numRounds = 3;

/** Prints a table and sentences, or JSON. */
export async function tuneInstances(
  argument: string | undefined,
  given: Record<string, unknown>,
  values: TuneCommandValues,
  progress: ProgressLines,
): Promise<void> {
  const tuner = await import("../../../tuner/index.ts");
  const { endWithSignals } = await import("../../../process/started-processes.ts");
  const { prepared, numProcessors } = await tunedModel(argument, values);
  const { cap } = prepared.settings;
  const layouts = values.instances?.value ?? [];
  if (cap === null)
    throw new PagodaError(
      "invalid_option",
      "--instances compares layouts of the same bytes, and no bytes are stated.",
      {
        hint: "Give the bytes of all instances together with --memory.",
      },
    );
  if (values.rate !== null || values.trace !== null)
    throw new PagodaError("invalid_option", "--instances compares layouts by numbers of users.", {
      hint: "Leave --rate and --trace out.",
    });
  const capBytes = tuner.capBytesOf(cap.value, prepared.device);
  const numThreads = values.threads?.value ?? numProcessors;
  const planned = await plannedLayouts(prepared, argument ?? null, given, { layouts, capBytes, numThreads });
  const range = tuner.ordinaryTokens(prepared.program.vocabularyWidth);
  const { maxModelLen } = prepared.plan.limits;
  const userCounts = userCountsOf(layouts, values.users?.value ?? null);
  endWithSignals();
  const results = await tuner.compareLayouts({
    layouts: planned,
    source: (numUsers) =>
      tuner.trafficSource({ ...values, users: { value: numUsers, from: "derived" } }, { maxModelLen }, range),
    userCounts,
    numRequestsPerUser: values.requests?.value ?? defaultRequestsPerUser,
    numRounds,
    warmUp: tuner.warmUpTraffic(range),
    say: (line) => progress.step(line),
    // A signal ends the servers, then this process.
    stop: new AbortController().signal,
  });
  progress.end();
  process.stdout.write(
    values.json?.value === true
      ? `${JSON.stringify({ schema: "pagoda.instances/1", capBytes, results, verdict: tuner.layoutVerdict(results) })}\n`
      : `${layoutsText(results)}\n\n${tuner.layoutVerdict(results).join("\n")}\n`,
  );
}

async function plannedLayouts(
  prepared: PreparedInstance,
  model: string | null,
  given: Record<string, unknown>,
  {
    layouts,
    capBytes,
    numThreads,
  }: { readonly layouts: readonly Layout[]; readonly capBytes: number; readonly numThreads: number },
): Promise<LayoutInputs["layouts"]> {
  const tuner = await import("../../../tuner/index.ts");
  const planned: LayoutInputs["layouts"][number][] = [];
  for (const layout of layouts) {
    const memory = await tuner.layoutMemory(prepared, layout, capBytes, numThreads);
    const words = tuner.serveWords(model, given, {
      memory: `${Math.floor(capBytes / layout.numInstances)}`,
      "max-num-seqs": String(layout.numSeats),
      threads: String(tuner.threadsOf(layout, numThreads)),
    });
    const replicas = layout.numInstances === 1 ? [] : ["--replicas", String(layout.numInstances)];
    planned.push({
      layout,
      memory,
      start: { engine: "pagoda", words: [...words, ...replicas], program: [process.execPath, bin] },
    });
  }
  return planned;
}

/** One user, a quarter of the seats, all of them. */
function userCountsOf(
  layouts: readonly { numInstances: number; numSeats: number }[],
  stated: number | null,
): number[] {
  const numSeats = stated ?? Math.max(...layouts.map((layout) => layout.numInstances * layout.numSeats));
  return [...new Set([1, Math.max(1, Math.round(numSeats / 4)), numSeats])];
}

function layoutsText(results: readonly LayoutResult[]): string {
  const header = [
    "layout",
    "users",
    "tokens/s",
    "P50 TTFT",
    "P99 TTFT",
    "P99 ITL",
    "weights",
    "processes",
    "KV pool",
    "KV tokens",
  ];
  const rows = results.flatMap(({ layout, memory, loads }) =>
    loads.map(({ numUsers, figures }, i) => [
      i === 0 ? `${layout.numInstances}x${layout.numSeats}` : "",
      String(numUsers),
      describeValue("tokens/s", figures.outputTokensPerSecond),
      describeValue("p50-ttft", figures.p50TtftMs),
      describeValue("p99-ttft", figures.p99TtftMs),
      describeValue("p99-itl", figures.p99ItlMs),
      ...(i === 0
        ? [
            describeValue("memory", memory.weights),
            describeValue("memory", memory.runtime + memory.workspaceAndTables),
            describeValue("memory", memory.kvPool),
            String(memory.numKvTokens),
          ]
        : ["", "", "", ""]),
    ]),
  );
  return alignColumns([header, ...rows]).join("\n");
}
