/** @module What instances behind endpoints say of themselves: asked at most once a second, and only while somebody looks. */
import { type InstanceSnapshot, snapshotSchema } from "../../api/admin/observatory/index.ts";
import type { Endpoint, EndpointCounters, EndpointSnapshot } from "../../core/endpoint.ts";
import { blankInstance } from "./instance-view.ts";
import { RemoteLimit } from "./limits/remote-limit.ts";

interface Known {
  instance: InstanceSnapshot | null;
  askedMs: number;
  /** The exchange on its way; null: none. */
  asking: Promise<void> | null;
  readonly limit: RemoteLimit;
  /** Counters and when they were read, once a look over the last seconds. */
  readonly loads: { readonly atMs: number; readonly counters: EndpointCounters }[];
}

const askEveryMs = 900;
const mostMs = 2000;
/** Rates of engines that report counters only are means over this many looks. */
const mostLoads = 4;
/** What the endpoint's own snapshot may have of answers: 4 instances under load are some 100 KiB. */
const mostBytes = 8 * 2 ** 20;

export class RemoteWatch {
  readonly #known = new Map<string, Known>();
  readonly #clock: () => number;
  readonly #seatsOf: (instanceId: string) => number | null;

  /** `seatsOf`: null where they are not known. */
  constructor(clock: () => number, seatsOf: (instanceId: string) => number | null) {
    this.#clock = clock;
    this.#seatsOf = seatsOf;
  }

  /** Asks all whose answer is old; those that do not answer in two seconds keep their last one. Never rejects. */
  async refresh(endpoints: ReadonlyMap<string, Endpoint>): Promise<void> {
    for (const id of this.#known.keys()) if (!endpoints.has(id)) this.#known.delete(id);
    await Promise.all([...endpoints].map(([id, endpoint]) => this.#ask(id, endpoint)));
  }

  /** null: nothing is known. */
  instance(instanceId: string): InstanceSnapshot | null {
    return this.#known.get(instanceId)?.instance ?? null;
  }

  #ask(instanceId: string, endpoint: Endpoint): Promise<void> {
    const nowMs = this.#clock();
    const known = this.#knownOf(instanceId);
    if (known.asking !== null) return known.asking;
    if (nowMs - known.askedMs < askEveryMs) return Promise.resolve();
    known.askedMs = nowMs;
    known.asking = this.#instanceBehind(instanceId, endpoint, known)
      .then((instance) => {
        if (instance !== null) known.instance = instance;
      })
      .catch(() => undefined)
      .finally(() => {
        known.asking = null;
      });
    return known.asking;
  }

  #knownOf(instanceId: string): Known {
    let known = this.#known.get(instanceId);
    if (known === undefined) {
      const askedMs = Number.NEGATIVE_INFINITY;
      known = { instance: null, askedMs, asking: null, limit: new RemoteLimit(), loads: [] };
      this.#known.set(instanceId, known);
    }
    return known;
  }

  /** Its own snapshot where it has one, else the load of its metrics; null: it reports nothing that is understood. */
  async #instanceBehind(
    instanceId: string,
    endpoint: Endpoint,
    known: Known,
  ): Promise<InstanceSnapshot | null> {
    const signal = AbortSignal.timeout(mostMs);
    const parsed = snapshotSchema.safeParse(await jsonAt(endpoint, "/admin/snapshot", signal));
    if (parsed.success) return Object.values(parsed.data.instances)[0] ?? null;
    const load = await endpoint.snapshot(signal);
    if (load === null) return null;
    const nowMs = this.#clock();
    known.limit.look(load, this.#seatsOf(instanceId), nowMs);
    const { modelId: model } = endpoint.model;
    const { numRunning, numWaiting, kvCacheUsage, engine = "remote" } = load;
    return {
      ...blankInstance({
        ...{ instanceId, model, engine, state: "ready", reason: null, pid: null, deviceIds: [] },
      }),
      ...{ numRunning, numWaiting, kvCacheUsage },
      totals: totalsOf(load),
      rates: ratesOf(known, load, nowMs),
      bindingLimit: known.limit.report(nowMs),
    };
  }
}

/** null where the engine reports no tokens. */
function totalsOf({ counters }: EndpointSnapshot): InstanceSnapshot["totals"] {
  if (counters === undefined) return null;
  const { numPromptTokens, numGenerationTokens, numPrefixHitTokens } = counters;
  if (numPromptTokens === null || numGenerationTokens === null) return null;
  return {
    ...counters,
    numPromptTokens,
    numGenerationTokens,
    numCachedPromptTokens: numPrefixHitTokens,
    numSteps: null,
  };
}

/** null where the engine reports no tokens, and before the second look. */
function ratesOf({ loads }: Known, { counters }: EndpointSnapshot, atMs: number): InstanceSnapshot["rates"] {
  if (counters === undefined) return null;
  loads.push({ atMs, counters });
  if (loads.length > mostLoads) loads.shift();
  const [first] = loads;
  if (first === undefined || first.atMs >= atMs) return null;
  const seconds = (atMs - first.atMs) / 1000;
  const grown = (name: keyof EndpointCounters): number | null => {
    const [older, newer] = [first.counters[name], counters[name]];
    return older === null || newer === null ? null : newer - older;
  };
  const [prompt, generated] = [grown("numPromptTokens"), grown("numGenerationTokens")];
  if (prompt === null || generated === null) return null;
  const queried = grown("numPrefixQueryTokens");
  const hit = grown("numPrefixHitTokens") ?? 0;
  return {
    seconds,
    promptTokensPerSecond: prompt / seconds,
    cachedPromptTokensPerSecond: hit / seconds,
    generatedTokensPerSecond: generated / seconds,
    stepsPerSecond: null,
    preemptionsPerSecond: (grown("numPreemptions") ?? 0) / seconds,
    prefixHitRate: queried === null || queried === 0 ? null : hit / queried,
  };
}

/** null where the endpoint has no such path. */
export async function jsonAt(endpoint: Endpoint, path: string, signal: AbortSignal): Promise<unknown> {
  const answer = await endpoint.forward({ method: "GET", path, headers: {}, body: null }, signal);
  const text = await textOf(answer.body);
  return answer.status === 200 ? JSON.parse(text) : null;
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let numBytes = 0;
  for await (const piece of body) {
    numBytes += piece.length;
    if (numBytes > mostBytes) return "";
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
