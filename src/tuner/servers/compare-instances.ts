/**
 * @module The same bytes as one instance with many seats, or as several with fewer each: measured over HTTP, with the
 * router in front of the several ones.
 */
import { median } from "../../core/statistics.ts";
import { type InstanceSettings, type PreparedInstance, plannerOf } from "../../instance/index.ts";
import type { TrafficSource } from "../options/load-options.ts";
import { type Layout, layoutText, threadsOf } from "../space/layout.ts";
import type { LoadFigures } from "../traffic/figures.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { EngineServers, type ServerStart } from "./engine-servers.ts";

export interface LayoutMemory {
  /** Each of all instances together; bytes. */
  readonly weights: number;
  readonly runtime: number;
  readonly workspaceAndTables: number;
  readonly kvPool: number;
  readonly numKvTokens: number;
  /** Longest request of one instance, by its pool. */
  readonly mostTokensOfRequest: number;
}

export interface LayoutResult {
  readonly layout: Layout;
  readonly memory: LayoutMemory;
  /** By number of users; medians over the rounds. */
  readonly loads: readonly { readonly numUsers: number; readonly figures: LoadFigures }[];
}

/** What the bytes go into, by the planner. Throws where one part of them is too small for an instance. */
export async function layoutMemory(
  prepared: PreparedInstance,
  layout: Layout,
  capBytes: number,
  numThreads: number,
): Promise<LayoutMemory> {
  const planner = await plannerOf(prepared);
  const bytes = Math.floor(capBytes / layout.numInstances);
  const why = `${layoutText(layout)} of the same bytes`;
  const settings: InstanceSettings = {
    ...prepared.settings,
    cap: { value: { kind: "instanceBytes", bytes }, from: "derived", why },
    maxNumSeqs: { value: layout.numSeats, from: "derived", why },
    numThreads: { value: threadsOf(layout, numThreads), from: "derived", why },
  };
  const { plan } = planner(settings);
  const { weights, workspace, tables, kvPool } = plan.footprint.components;
  const numTokens = plan.limits.numBlocks * plan.limits.blockSize;
  return {
    weights: layout.numInstances * weights,
    runtime: layout.numInstances * plan.runtimeBytes,
    workspaceAndTables: layout.numInstances * (workspace + tables),
    kvPool: layout.numInstances * kvPool,
    numKvTokens: layout.numInstances * numTokens,
    mostTokensOfRequest: Math.min(numTokens, plan.limits.maxModelLen),
  };
}

export interface LayoutInputs {
  readonly layouts: readonly {
    readonly layout: Layout;
    readonly memory: LayoutMemory;
    readonly start: ServerStart;
  }[];
  readonly source: (numUsers: number) => TrafficSource;
  /** Loads to compare under: few users, and as many as there are seats. */
  readonly userCounts: readonly number[];
  readonly numRequestsPerUser: number;
  readonly numRounds: number;
  readonly warmUp: Traffic;
  readonly say: (line: string) => void;
  readonly stop: AbortSignal;
}

const leastRequests = 4;

/** In turns: every layout once a round, each load of a round with the same requests for all. */
export async function compareLayouts(inputs: LayoutInputs): Promise<readonly LayoutResult[]> {
  const { layouts, userCounts, numRounds, say, stop } = inputs;
  const measured = new Map<string, LoadFigures[]>();
  for (let round = 0; round < numRounds; round++)
    for (const { layout, start } of layouts) {
      const servers = new EngineServers(1, inputs.warmUp);
      try {
        for (const numUsers of userCounts) {
          say(`round ${round + 1} of ${numRounds}: ${layoutText(layout)}, ${numUsers} users`);
          const numRequests = Math.max(leastRequests, numUsers * inputs.numRequestsPerUser);
          const traffic = inputs.source(numUsers).traffic(1 + round * 1000 + numUsers, numRequests);
          const { figures } = await servers.measure(start, traffic, stop);
          const key = `${layoutText(layout)} ${numUsers}`;
          measured.set(key, [...(measured.get(key) ?? []), figures]);
        }
      } finally {
        await servers.close();
      }
    }
  return layouts.map(({ layout, memory }) => ({
    layout,
    memory,
    loads: userCounts.map((numUsers) => ({
      numUsers,
      figures: medianFigures(measured.get(`${layoutText(layout)} ${numUsers}`) ?? []),
    })),
  }));
}

function medianFigures(all: readonly LoadFigures[]): LoadFigures {
  const names = Object.keys(all[0] ?? {}) as (keyof LoadFigures)[];
  return Object.fromEntries(
    names.map((name) => [name, median(all.map((figures) => figures[name]))]),
  ) as unknown as LoadFigures;
}

/** Sentences that say which layout wins under which load, and what the others pay for. */
export function layoutVerdict(results: readonly LayoutResult[]): readonly string[] {
  const userCounts = results[0]?.loads.map(({ numUsers }) => numUsers) ?? [];
  const sentences = userCounts.map((numUsers) => {
    const of = (result: LayoutResult): LoadFigures =>
      result.loads.find((load) => load.numUsers === numUsers)?.figures as LoadFigures;
    const [best, ...others] = [...results].sort(
      (a, b) => of(b).outputTokensPerSecond - of(a).outputTokensPerSecond,
    ) as [LayoutResult, ...LayoutResult[]];
    const [prompt] = [...results].sort((a, b) => of(a).p99TtftMs - of(b).p99TtftMs) as [LayoutResult];
    const next = others[0];
    const lead =
      next === undefined
        ? ""
        : `, ${(100 * (of(best).outputTokensPerSecond / of(next).outputTokensPerSecond - 1)).toFixed(0)} % before ${layoutText(next.layout)}`;
    return `With ${numUsers} ${numUsers === 1 ? "user" : "users"}, ${layoutText(best.layout)} has the most tokens a second${lead}; ${layoutText(prompt.layout)} has the shortest P99 time to the first token.`;
  });
  const [most] = [...results].sort((a, b) => b.memory.numKvTokens - a.memory.numKvTokens);
  const [fewest] = [...results].sort((a, b) => a.memory.numKvTokens - b.memory.numKvTokens);
  if (most !== undefined && fewest !== undefined && most !== fewest)
    sentences.push(
      `${layoutText(most.layout)} holds ${most.memory.numKvTokens} tokens of keys and values and ${layoutText(fewest.layout)} ${fewest.memory.numKvTokens}: every further instance pays for its own copy of the weights and its own process.`,
    );
  return sentences;
}
