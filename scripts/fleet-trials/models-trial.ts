/** @module Three real models on room for two, requests at random: what failed, what was started, what gave way. */
import { seededUniform } from "../../src/core/seeded-uniform.ts";
import { pause, RealFleet, type RequestEnd } from "./real-fleet.ts";

export interface ModelsTrial {
  readonly ends: Readonly<Record<RequestEnd, number>>;
  readonly numStarts: number;
  readonly numEvictions: number;
  /** Of one model, as seen in looks ten times a second. */
  readonly mostInstances: number;
  readonly mostModelsAtOnce: number;
  readonly numLeft: number;
}

const names = ["a", "b", "c"] as const;
const numClients = 3;

/** `roomMib`: of the device, for instances of 300 MiB each and the supervisor. */
export async function modelsTrial(model: string, seconds: number, roomMib: number): Promise<ModelsTrial> {
  const models = names.map((name) => `  ${name}: {model: ${model}, memory: 300MiB, min: 0}\n`).join("");
  const fleet = new RealFleet(
    "models",
    `name: models\nserver: {port: 0}\nrouter: {wait: 10m}\ndevices: {cpu: {margin: MARGIN}}\nmodels:\n${models}`.replace(
      "MARGIN",
      String(await marginFor(roomMib)),
    ),
  );
  const uniform = seededUniform(3);
  const ends: Record<RequestEnd, number> = { whole: 0, refused: 0, broken: 0, unreachable: 0 };
  let [isDone, mostInstances, mostModelsAtOnce, numStarts, numEvictions, numLeft] = [false, 0, 0, 0, 0, -1];
  try {
    await fleet.up();
    const seen = new Set<string>();
    const look = async (): Promise<void> => {
      const { instances, events } = await fleet.view();
      const running = instances.filter(({ state }) => state === "ready" || state === "starting");
      mostModelsAtOnce = Math.max(mostModelsAtOnce, new Set(running.map(({ model: name }) => name)).size);
      for (const name of names)
        mostInstances = Math.max(mostInstances, instances.filter((one) => one.model === name).length);
      for (const { atUnixMs, instanceId, state, reason } of events) {
        const key = `${atUnixMs} ${instanceId} ${state}`;
        if (seen.has(key)) continue;
        seen.add(key);
        if (state === "starting") numStarts += 1;
        if (state === "draining" && reason.startsWith("it gave way")) numEvictions += 1;
      }
    };
    const untilMs = performance.now() + 1000 * seconds;
    const clients = Array.from({ length: numClients }, async (_, client) => {
      while (performance.now() < untilMs) {
        const name = names[Math.floor(uniform() * names.length)] ?? "a";
        ends[await fleet.complete(name, 8, client === 0)] += 1;
        await pause(uniform() * 300);
      }
    });
    const looking = (async () => {
      while (!isDone) {
        await look();
        await pause(100);
      }
    })();
    await Promise.all(clients);
    isDone = true;
    await looking;
    await look();
  } finally {
    isDone = true;
    numLeft = await fleet.end();
  }
  return { ends, numStarts, numEvictions, mostInstances, mostModelsAtOnce, numLeft };
}

/** Bytes that are kept from the fleet, so that about `roomMib` can be promised now. */
async function marginFor(roomMib: number): Promise<number> {
  const { findDevices } = await import("../../src/fleet/index.ts");
  const [cpu] = await findDevices([]);
  if (cpu === undefined) throw new TypeError("a machine has processors");
  return Math.max(0, cpu.totalBytes - cpu.usedBytes - roomMib * 2 ** 20);
}
