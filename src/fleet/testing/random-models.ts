/** @module Three models on room for two, asked at random: what failed, what was started, and which model gave way. */
import { evictionCost } from "../models/eviction.ts";
import { answerOf, scriptedFleet } from "./scripted-fleet.ts";

export interface RandomModelsRun {
  readonly numRequests: number;
  readonly failures: readonly string[];
  readonly numStarts: number;
  readonly numEvictions: number;
  /** Evictions of a model while another that could go as well cost less to start again. */
  readonly numDearer: number;
  readonly mostStartsAtOnce: number;
  readonly leastAvailableBytes: number;
}

const names = ["a", "b", "c"];
const numClients = 4;
/** Up to so long a client pauses: models are idle now and then, so that one can give way. */
const mostPauseMs = 60;

export async function randomModelsRun(forMs: number, uniform: () => number): Promise<RandomModelsRun> {
  const scripted = scriptedFleet(
    names.map((name) => ({ name, min: 0 })),
    1100,
  );
  const { fleet, ledger, events, close } = scripted;
  const failures: string[] = [];
  let [numRequests, numDearer, mostStartsAtOnce] = [0, 0, 0];
  let leastAvailableBytes = Number.POSITIVE_INFINITY;
  try {
    await fleet.start();
    const untilMs = performance.now() + forMs;
    let numSeen = 0;
    const look = (): void => {
      const fresh = events.slice(numSeen);
      numSeen = events.length;
      leastAvailableBytes = Math.min(leastAvailableBytes, ledger.device("cpu").availableBytes);
      for (const model of fleet.models)
        mostStartsAtOnce = Math.max(
          mostStartsAtOnce,
          model.live.filter(({ state }) => state !== "ready").length,
        );
      for (const { instanceId, state, reason } of fresh)
        if (state === "draining" && reason.startsWith("it gave way"))
          numDearer += isDearer(instanceId) ? 1 : 0;
    };
    /** Looked at in the very turn in which it was chosen: idle times are those of the choice. */
    const isDearer = (victimId: string): boolean => {
      const costs = fleet.models
        .filter(
          ({ isBusy, instances }) =>
            !isBusy && instances.some(({ state }) => state === "ready" || state === "draining"),
        )
        .map((model) => ({
          id: model.instances[0]?.instanceId ?? "",
          cost: evictionCost({
            instanceId: "",
            bytes: new Map(),
            startMs: model.startMs,
            idleMs: model.idleMs,
            priority: 0,
          }),
        }));
      const own = costs.find(({ id }) => id === victimId)?.cost ?? 0;
      return costs.some(({ id, cost }) => id !== victimId && cost < 0.999 * own);
    };
    scripted.watch(look);
    const clients = Array.from({ length: numClients }, async () => {
      while (performance.now() < untilMs) {
        const name = names[Math.floor(uniform() * names.length)] ?? "a";
        numRequests += 1;
        try {
          const text = await answerOf(fleet, name);
          if (!/^\d+$/.test(text)) failures.push(text.slice(0, 200));
        } catch (thrown) {
          failures.push(String(thrown));
        }
        await new Promise((wake) => setTimeout(wake, uniform() * mostPauseMs));
      }
    });
    await Promise.all(clients);
  } finally {
    await close();
  }
  const count = (isCounted: (state: string, reason: string) => boolean): number =>
    events.filter(({ state, reason }) => isCounted(state, reason)).length;
  return {
    numRequests,
    failures,
    numStarts: count((state) => state === "starting"),
    numEvictions: count((state, reason) => state === "draining" && reason.startsWith("it gave way")),
    numDearer,
    mostStartsAtOnce,
    leastAvailableBytes,
  };
}
