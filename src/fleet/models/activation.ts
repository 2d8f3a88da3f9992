/** @module A model that a request needs and that does not run: one start for all who wait, after idle ones have given way. */
import { PagodaError } from "../../core/errors.ts";
import type { FleetDevice } from "../devices/device.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { place } from "../placement/placement.ts";
import { chooseEvictions, type EvictionCandidate } from "./eviction.ts";
import type { FleetModel } from "./fleet-model.ts";

export interface ActivationParts {
  readonly models: () => readonly FleetModel[];
  readonly devices: readonly FleetDevice[];
  readonly ledger: Ledger;
}

const givesWay: ReadonlySet<string> = new Set(["ready", "asleep", "pausing", "crashloop"]);
/** How often those whose room is held by busy models look again. */
const lookAgainMs = 100;

export class Activation {
  readonly #parts: ActivationParts;
  readonly #onTheirWay = new Map<FleetModel, Promise<void>>();

  constructor(parts: ActivationParts) {
    this.#parts = parts;
  }

  /**
   * Resolves once an instance of the model is on its way, which may be the doing of another request.
   * @throws PagodaError `engine_failed` where its start has failed for good.
   */
  async wake(model: FleetModel, signal: AbortSignal): Promise<void> {
    if (model.state === "ready" || model.live.length > 0 || signal.aborted) {
      if (model.state === "failed") throw failed(model);
      return;
    }
    if (model.state === "failed") throw failed(model);
    if (model.isHeld)
      throw new PagodaError("not_ready", `${model.name} was drained, and stays stopped until it is woken.`, {
        hint: `Run pagoda restart ${model.name}.`,
      });
    let starting = this.#onTheirWay.get(model);
    if (starting === undefined) {
      // Not this request's: it goes on for the others when this client leaves.
      starting = this.#start(model).finally(() => this.#onTheirWay.delete(model));
      // Those who wait may all have left when it fails.
      starting.catch(() => undefined);
      this.#onTheirWay.set(model, starting);
    }
    await starting;
  }

  /** As many as it is to have always, at least one. Waits until those that hold its room are idle. */
  async #start(model: FleetModel): Promise<void> {
    for (;;) {
      try {
        const { started } = model.startOne();
        void started;
        break;
      } catch (thrown) {
        if (!(thrown instanceof PagodaError) || thrown.code !== "memory_too_small") throw thrown;
        if (!(await this.#makeRoom(model))) await new Promise((wake) => setTimeout(wake, lookAgainMs));
        // Those who waited have left: nobody needs it any more.
        if (!model.isBusy) throw thrown;
      }
    }
    const { min } = model.planned.spec.replicas;
    while (model.live.length < min) {
      try {
        const { started } = model.startOne();
        void started;
      } catch (thrown) {
        // The first is enough for those who wait; the others need room that busy models hold.
        if (thrown instanceof PagodaError && thrown.code === "memory_too_small") return;
        throw thrown;
      }
    }
  }

  /** Stops the cheapest idle instances after which one of the model fits; false where busy ones are in the way. */
  async #makeRoom(model: FleetModel): Promise<boolean> {
    const chosen = chooseEvictions(this.#candidates(model), (freed) => this.#fits(model, freed));
    if (chosen === null) return false;
    const ids = new Set(chosen.map(({ instanceId }) => instanceId));
    const victims = this.#parts
      .models()
      .flatMap((owner) => owner.instances.map((instance) => ({ owner, instance })))
      .filter(({ instance }) => ids.has(instance.instanceId));
    const reason = `it gave way to ${model.name}`;
    // One that sleeps already has given what it can. Should sleep free too little, the next round ends it.
    await Promise.all(
      victims.map(({ owner, instance }) =>
        instance.state === "asleep" ? owner.stopOne(instance, reason) : owner.sleepOne(instance, reason),
      ),
    );
    return true;
  }

  #candidates(model: FleetModel): EvictionCandidate[] {
    return this.#parts
      .models()
      .filter((other) => other !== model && !other.isBusy && !other.planned.spec.pinned)
      .flatMap((other) =>
        other.instances
          .filter(({ state }) => givesWay.has(state))
          .map(({ instanceId, demands }) => ({
            instanceId,
            bytes: new Map(demands.map(({ deviceId }) => [deviceId, this.#reserved(instanceId, deviceId)])),
            startMs: other.startMs,
            idleMs: other.idleMs,
            priority: other.planned.spec.priority,
          })),
      );
  }

  #reserved(instanceId: string, deviceId: string): number {
    const { entries } = this.#parts.ledger.device(deviceId);
    return entries.find((entry) => entry.instanceId === instanceId)?.reservedBytes ?? 0;
  }

  #fits(model: FleetModel, freed: ReadonlyMap<string, number>): boolean {
    const { spec, plan } = model.planned;
    const [sleeper] = model.sleeping;
    if (sleeper !== undefined)
      return sleeper.demands.every(({ deviceId, plannedBytes }) => {
        const { availableBytes } = this.#parts.ledger.device(deviceId);
        const missing = plannedBytes - this.#reserved(sleeper.instanceId, deviceId);
        return availableBytes + (freed.get(deviceId) ?? 0) >= missing;
      });
    const devices = this.#parts.devices
      .filter(({ runs }) => runs === plan.runs)
      .map(({ deviceId, kind }) => ({
        deviceId,
        kind,
        availableBytes: this.#parts.ledger.device(deviceId).availableBytes + (freed.get(deviceId) ?? 0),
      }));
    const wanted = {
      instanceId: model.name,
      rankBytes: plan.rankBytes,
      numRanks: plan.numRanks,
      pinned: spec.devices,
    };
    return place([wanted], devices).placed.length === 1;
  }
}

function failed(model: FleetModel): PagodaError {
  return new PagodaError(
    "engine_failed",
    `${model.name} could not be started: ${(model.failure ?? "").replace(/\.$/, "")}.`,
    {
      hint: `Mend it, then run pagoda restart ${model.name}.`,
    },
  );
}
