/** @module The supervisor killed again and again while requests run: what clients see, what is adopted, what is left. */
import { pause, RealFleet, type RequestEnd } from "./real-fleet.ts";

export interface SupervisorKills {
  readonly numKills: number;
  /** Instances that were taken over with the process that they had, of those that ran. */
  readonly numAdopted: number;
  readonly numNewStarts: number;
  readonly ends: Readonly<Record<RequestEnd, number>>;
  /** Refused, broken and unreachable requests outside the time between a kill and the next readiness. */
  readonly numFailedWhileUp: number;
  /** From the start of the next supervisor to its readiness, ms, ascending. */
  readonly upMs: readonly number[];
  readonly numLeft: number;
}

const numInstances = 2;
const numClients = 4;

/** `port`: a free one, the same for every supervisor, as clients expect it. */
export async function supervisorKills(model: string, kills: number, port: number): Promise<SupervisorKills> {
  const fleet = new RealFleet(
    "kills",
    `name: kills\nserver: {port: ${port}}\nmodels:\n  m: {model: ${model}, memory: 300MiB, replicas: ${numInstances}}\n`,
  );
  const ends: Record<RequestEnd, number> = { whole: 0, refused: 0, broken: 0, unreachable: 0 };
  let [isDone, isDown, numFailedWhileUp, numAdopted, numNewStarts, numLeft] = [false, false, 0, 0, 0, -1];
  const upMs: number[] = [];
  try {
    await fleet.up();
    const clients = Array.from({ length: numClients }, async (_, client) => {
      while (!isDone) {
        const wasDown = isDown;
        const end = await fleet.complete("m", 16, client % 2 === 0);
        ends[end] += 1;
        if (end !== "whole" && !wasDown && !isDown) numFailedWhileUp += 1;
        if (end === "unreachable") await pause(20);
      }
    });
    for (let kill = 0; kill < kills; kill += 1) {
      await pause(200);
      const before = (await fleet.view()).instances.map(({ pid }) => pid);
      isDown = true;
      await fleet.killSupervisor();
      const startedMs = performance.now();
      await fleet.up();
      upMs.push(performance.now() - startedMs);
      isDown = false;
      const after = (await fleet.view()).instances.map(({ pid }) => pid);
      const same = after.filter((pid) => before.includes(pid)).length;
      numAdopted += same;
      numNewStarts += after.length - same;
    }
    isDone = true;
    await Promise.all(clients);
  } finally {
    isDone = true;
    numLeft = await fleet.end();
  }
  return {
    numKills: kills,
    numAdopted,
    numNewStarts,
    ends,
    numFailedWhileUp,
    upMs: upMs.toSorted((a, b) => a - b),
    numLeft,
  };
}
