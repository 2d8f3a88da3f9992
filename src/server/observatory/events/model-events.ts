/** @module Events of the models of this process: each change of their state, and sequences that were preempted. */
import type { AdminEventKind } from "../../../api/admin/observatory/index.ts";
import type { ModelState } from "../../../core/endpoint.ts";
import type { ServedModelEntry } from "../../models/served-model-entry.ts";
import type { EventLog } from "./event-log.ts";
import type { RepeatedEvents } from "./repeated-events.ts";

const kindOfState: Readonly<Record<ModelState, AdminEventKind>> = {
  loading: "started",
  ready: "ready",
  draining: "drained",
  asleep: "state",
  failed: "died",
};

interface Known {
  readonly state: ModelState | null;
  /** null: there was no engine yet. */
  readonly numPreemptions: number | null;
}

type Watched = Pick<ServedModelEntry, "name" | "state" | "service">;

export class ModelEvents {
  readonly #events: EventLog;
  readonly #repeated: RepeatedEvents;
  readonly #known = new Map<string, Known>();

  constructor(events: EventLog, repeated: RepeatedEvents) {
    this.#events = events;
    this.#repeated = repeated;
  }

  /** Tells what is new since the last look at this model. */
  look(instanceId: string, { name, state, service }: Watched): void {
    const known = this.#known.get(instanceId);
    const numPreemptions = service?.stats().numPreemptions ?? null;
    this.#known.set(instanceId, { state, numPreemptions });
    if (state !== (known?.state ?? null))
      this.#tellState(instanceId, name, state, service?.failure() ?? null);
    const numNew = (numPreemptions ?? 0) - (known?.numPreemptions ?? numPreemptions ?? 0);
    if (numNew <= 0) return;
    this.#repeated.add(
      {
        ...{ kind: "preempted", instanceId, cause: "kv_blocks" },
        message: (count) =>
          `${name} preempted ${count === 1 ? "a sequence" : `${count} sequences`} for want of KV blocks.`,
      },
      numNew,
    );
  }

  #tellState(instanceId: string, name: string, state: ModelState, reason: string | null): void {
    this.#events.add({
      kind: kindOfState[state],
      instanceId,
      message: `${name} is ${state}${reason === null ? "" : `: ${reason.replace(/\.$/, "")}`}.`,
      details: { state },
    });
  }
}
