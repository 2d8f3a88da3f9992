/** @module What instances behind endpoints say of themselves: asked at most once a second, and only while somebody looks. */
import { type InstanceSnapshot, snapshotSchema } from "../../api/admin/observatory/index.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { blankInstance } from "./instance-view.ts";

interface Known {
  instance: InstanceSnapshot | null;
  askedMs: number;
  /** The exchange on its way; null: none. */
  asking: Promise<void> | null;
}

const askEveryMs = 900;
const mostMs = 2000;
/** What the endpoint's own snapshot may have of answers: 4 instances under load are some 100 KiB. */
const mostBytes = 8 * 2 ** 20;

export class RemoteWatch {
  readonly #known = new Map<string, Known>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
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
    const known = this.#known.get(instanceId) ?? {
      instance: null,
      askedMs: Number.NEGATIVE_INFINITY,
      asking: null,
    };
    this.#known.set(instanceId, known);
    if (known.asking !== null) return known.asking;
    if (nowMs - known.askedMs < askEveryMs) return Promise.resolve();
    known.askedMs = nowMs;
    known.asking = instanceBehind(endpoint)
      .then((instance) => {
        if (instance !== null) known.instance = instance;
      })
      .catch(() => undefined)
      .finally(() => {
        known.asking = null;
      });
    return known.asking;
  }
}

/** Its own snapshot where it has one, else the load of its metrics; null: it reports nothing that is understood. */
async function instanceBehind(endpoint: Endpoint): Promise<InstanceSnapshot | null> {
  const signal = AbortSignal.timeout(mostMs);
  const request = { method: "GET", path: "/admin/snapshot", headers: {}, body: null };
  const answer = await endpoint.forward(request, signal);
  const text = await textOf(answer.body);
  if (answer.status === 200) {
    const parsed = snapshotSchema.safeParse(JSON.parse(text));
    if (parsed.success) return Object.values(parsed.data.instances)[0] ?? null;
  }
  const load = await endpoint.snapshot(signal);
  if (load === null) return null;
  const { modelId: model } = endpoint.model;
  const blank = blankInstance({
    ...{ instanceId: model, model, engine: "remote", state: "ready", reason: null, pid: null, deviceIds: [] },
  });
  return { ...blank, ...load };
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
