/**
 * @module Instances killed, drained and replaced while requests run: how each request ended, and what is left of the processes.
 */
import { rollOut, startUpTo } from "../apply/rollout.ts";
import { answerOf, scriptedFleet, scriptedModel, until } from "./scripted-fleet.ts";

export interface Disturbances {
  readonly kills: number;
  readonly drains: number;
  readonly rolls: number;
}

/** How requests ended; each is in one of them. */
export interface RequestEnds {
  whole: number;
  /** Streams that an error event ended, on an instance that was killed. */
  brokenByKill: number;
  /** Anything else: what must not be. */
  readonly wrong: string[];
}

export interface DisturbedRun extends RequestEnds {
  readonly numRequests: number;
  /** Processes of the fleet that are left after its end. */
  readonly numLeft: number;
  /** The least that the ledger ever had available, bytes. */
  readonly leastAvailableBytes: number;
  readonly seconds: number;
}

const numClients = 8;
const numInstances = 3;

/** Does all of it, one after another, over three scripted instances on room for four. */
export async function disturbedRun(
  { kills, drains, rolls }: Disturbances,
  uniform: () => number,
): Promise<DisturbedRun> {
  const scripted = scriptedFleet(
    [{ name: "m", min: numInstances }],
    4 * 512,
    {},
    { firstPauseMs: 50, mostPauseMs: 50, loopCrashes: 10_000 },
  );
  const { fleet, ledger, running, close } = scripted;
  const startedMs = performance.now();
  const ends: RequestEnds = { whole: 0, brokenByKill: 0, wrong: [] };
  const killed = new Set<number>();
  let numRequests = 0;
  let isDone = false;
  let leastAvailableBytes = Number.POSITIVE_INFINITY;
  try {
    await fleet.start();
    const model = fleet.model("m");
    if (model === undefined) throw new TypeError("the model is there");
    const isWhole = (): boolean => model.router.numReady === numInstances;
    const clients = Array.from({ length: numClients }, async (_, client) => {
      while (!isDone) {
        numRequests += 1;
        await oneRequest(fleet, client % 2 === 0 ? "/slow" : "/x", killed, ends);
        leastAvailableBytes = Math.min(leastAvailableBytes, ledger.device("cpu").availableBytes);
      }
    });
    for (const what of shuffled({ kills, drains, rolls }, uniform)) {
      await until(isWhole);
      const victim = model.live[Math.floor(uniform() * model.live.length)];
      if (what === "kills") {
        killed.add(victim?.pid ?? 0);
        process.kill(victim?.pid ?? 0, "SIGKILL");
        await until(() => !isWhole());
      } else if (what === "drains") {
        if (victim !== undefined) await model.stopOne(victim, "it was drained");
        await startUpTo(model, numInstances);
      } else {
        const script = model.planned.plan.startHash === "plain" ? "plain-2" : "plain";
        await rollOut(model, scriptedModel({ name: "m", min: numInstances, script }));
      }
    }
    await until(isWhole);
    isDone = true;
    await Promise.all(clients);
  } finally {
    isDone = true;
    await fleet.kill();
  }
  const numLeft = running().length;
  await close();
  const seconds = (performance.now() - startedMs) / 1000;
  return { ...ends, numRequests, numLeft, leastAvailableBytes, seconds };
}

/** Adds to exactly one of the ends. */
async function oneRequest(
  fleet: ReturnType<typeof scriptedFleet>["fleet"],
  path: string,
  killed: ReadonlySet<number>,
  ends: RequestEnds,
): Promise<void> {
  let text: string;
  try {
    text = await answerOf(fleet, "m", path, JSON.stringify({ stream: path === "/slow" }));
  } catch (thrown) {
    ends.wrong.push(String(thrown));
    return;
  }
  const pids = [...text.matchAll(/^(?:data: )?(\d+)$/gm)].map(([, pid]) => Number(pid));
  const numEnds = text.split("data: [DONE]").length - 1;
  const isBroken = text.includes("ended while it answered");
  if (path === "/x" && pids.length === 1) ends.whole += 1;
  else if (pids.length === 10 && numEnds === 1 && new Set(pids).size === 1 && !isBroken) ends.whole += 1;
  else if (isBroken && numEnds <= 1 && pids.every((pid) => killed.has(pid))) ends.brokenByKill += 1;
  else ends.wrong.push(text.slice(0, 300));
}

function shuffled(counts: Disturbances, uniform: () => number): (keyof Disturbances)[] {
  const all = (Object.keys(counts) as (keyof Disturbances)[]).flatMap((what) =>
    Array.from({ length: counts[what] }, () => ({ what, at: uniform() })),
  );
  return all.toSorted((a, b) => a.at - b.at).map(({ what }) => what);
}
