/** @module Servers of one engine with different flags, as few started as possible: the last ones stay up, idle. */
import { driverOf, type EngineStart } from "../../fleet/index.ts";
import { type RunningServer, startServer } from "../../process/server-process.ts";
import type { LoadFigures } from "../traffic/figures.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { otherCpuShare, readCpu } from "../trial/other-load.ts";
import { playOverHttp } from "./play-over-http.ts";

export interface ServerStart {
  readonly engine: string;
  /** The command as typed, and its flags. */
  readonly words: readonly string[];
  /** What stands in the place of the first word; null: the word itself. */
  readonly program: readonly string[] | null;
}

export interface ServerMeasurement {
  readonly figures: LoadFigures;
  readonly isSaturated: boolean;
  readonly otherCpuShare: number | null;
  readonly limitMs: null;
}

const servedName = "tuned";
const drainMs = 5000;

export class EngineServers {
  readonly #mostRunning: number;
  readonly #warmUp: Traffic;
  /** By their words, the one that was used last at the end. */
  readonly #running = new Map<string, RunningServer>();
  numStarts = 0;

  /** @param mostRunning servers that are kept up at a time; the memory must suffice for all of them */
  constructor(mostRunning: number, warmUp: Traffic) {
    this.#mostRunning = mostRunning;
    this.#warmUp = warmUp;
  }

  async measure(start: ServerStart, traffic: Traffic, stop: AbortSignal): Promise<ServerMeasurement> {
    stop.throwIfAborted();
    const server = await this.#serverOf(start, stop);
    const before = readCpu();
    const childBefore = server.cpuSeconds();
    const played = await playOverHttp(server, traffic, stop);
    const after = readCpu();
    const childMs = (server.cpuSeconds() - childBefore) * 1000;
    // The server's processor time is the trial's own.
    const ours = after === null ? null : { ...after, ownMs: after.ownMs + childMs };
    return { ...played, otherCpuShare: otherCpuShare(before, ours), limitMs: null };
  }

  /** Largest resident size so far of the server with this start; null where it does not run. */
  peakBytes(start: ServerStart): number | null {
    return this.#running.get(keyOf(start))?.peakResidentBytes() ?? null;
  }

  async close(): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(all.map((server) => server.stop()));
  }

  async #serverOf(start: ServerStart, stop: AbortSignal): Promise<RunningServer> {
    const key = keyOf(start);
    const known = this.#running.get(key);
    if (known !== undefined) {
      this.#running.delete(key);
      this.#running.set(key, known);
      return known;
    }
    while (this.#running.size >= this.#mostRunning) await this.#stopOldest();
    const server = await startServer(commandOf(start));
    this.#running.set(key, server);
    this.numStarts++;
    await playOverHttp(server, this.#warmUp, stop);
    return server;
  }

  async #stopOldest(): Promise<void> {
    const [oldest] = this.#running;
    if (oldest === undefined) return;
    this.#running.delete(oldest[0]);
    await oldest[1].stop();
  }
}

function keyOf({ words }: ServerStart): string {
  return words.join("\0");
}

function commandOf({ engine, words, program }: ServerStart): Parameters<typeof startServer>[0] {
  const isOurs = engine === "pagoda";
  const start: EngineStart = {
    words: isOurs ? [...words, "--served-model-name", servedName] : words,
    ...(program === null ? {} : { program }),
    servedName,
    maxModelLen: null,
    seats: null,
    version: null,
    deviceIds: [],
    drainMs,
    environment: {},
    explainWith: null,
  };
  const driver = driverOf(engine, start);
  const { command, environment } = driver.command(0);
  const stated = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return {
    name: words.join(" "),
    command,
    args: (port) => driver.command(port).args,
    environment: Object.fromEntries(stated),
    model: servedName,
    readyWithinMs: driver.readyWithinMs,
  };
}
