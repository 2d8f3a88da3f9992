/** @module Changes the settings of this server and its instances: as a whole or not at all, numbered, and revertible. */
import type {
  RouterSettings,
  SettingsAnswer,
  SettingsChange,
  SettingsState,
} from "../../api/admin/observatory/index.ts";
import { PagodaError } from "../../core/errors.ts";
import { QueueLimit } from "../requests/queue-limit.ts";
import type { SettingsTarget } from "./settings-target.ts";

/** The router of a fleet, as far as it can be changed. */
export interface RouterControl {
  settings(): RouterSettings;
  change(change: Partial<RouterSettings>): void;
}

export interface SettingsParts {
  readonly targets: () => readonly SettingsTarget[];
  readonly router: RouterControl | null;
  readonly log: { level: string };
  /** Told of each change after it was made. */
  readonly onChange: (change: AppliedChange) => void;
}

export interface AppliedChange {
  readonly revision: number;
  readonly by: string;
  /** Setting → [before, after], as texts. */
  readonly changes: Readonly<Record<string, readonly [string, string]>>;
  readonly instanceIds: readonly string[];
}

/** What `revert` brings back. */
interface Before {
  readonly states: ReadonlyMap<string, SettingsState>;
  readonly logLevel: string;
  readonly maxQueue: number | null;
  readonly router: RouterSettings | null;
}

const mostReverts = 32;
const nothing = { resetsPrefixCache: false } as const;

export class SettingsService {
  readonly #parts: SettingsParts;
  readonly #befores: Before[] = [];
  #revision = 0;
  #queue = new QueueLimit(null);
  /** Changes are made one after another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: SettingsParts) {
    this.#parts = parts;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Its limit is one of the settings from now on. */
  watchQueue(queue: QueueLimit): void {
    this.#queue = queue;
  }

  async view(): Promise<SettingsAnswer> {
    const instances: Record<string, SettingsState> = {};
    for (const target of this.#parts.targets()) {
      const state = await target.state();
      if (state !== null) instances[target.instanceId] = state;
    }
    const isDeferred = Object.values(instances).some(({ state }) => state === "deferred");
    return {
      schema: "pagoda.settings/1",
      revision: this.#revision,
      state: isDeferred ? "deferred" : "applied",
      logLevel: this.#parts.log.level,
      maxQueue: this.#queue.mostWaiting,
      router: this.#parts.router?.settings() ?? null,
      instances,
    };
  }

  /**
   * @throws PagodaError `settings_stale` for another revision than the one in force, `settings_conflict`,
   * `settings_beyond_allocation`, `not_found` for an unknown instance. Nothing was changed then.
   */
  change(change: SettingsChange, by: string): Promise<SettingsAnswer> {
    return this.#inTurn(async () => {
      this.#requireFresh(change.revision);
      const before = await this.#now();
      const targets = this.#targetsOf(change);
      if (Object.keys(change.router).length > 0) this.#requireRouter();
      for (const target of targets) await target.check(change);
      await this.#applyToAll(targets, change, before);
      if (change.logLevel !== null) this.#parts.log.level = change.logLevel;
      if (change.maxQueue !== null) this.#queue.mostWaiting = change.maxQueue;
      this.#parts.router?.change(change.router);
      this.#befores.push(before);
      if (this.#befores.length > mostReverts) this.#befores.shift();
      return this.#accepted(before, change.by ?? by, change.resetsPrefixCache);
    });
  }

  /** Undoes the last change that was not undone yet. */
  revert(by: string): Promise<SettingsAnswer> {
    return this.#inTurn(async () => {
      const back = this.#befores.at(-1);
      if (back === undefined)
        throw new PagodaError("settings_conflict", "There is no change to revert.", {
          hint: "GET /admin/settings shows what is in force.",
        });
      const now = await this.#now();
      for (const target of this.#parts.targets()) {
        const state = back.states.get(target.instanceId);
        if (state !== undefined) await target.change({ engine: state.requested, ...nothing });
      }
      this.#parts.log.level = back.logLevel;
      this.#queue.mostWaiting = back.maxQueue;
      if (back.router !== null) this.#parts.router?.change(back.router);
      this.#befores.pop();
      return this.#accepted(now, by, false);
    });
  }

  #inTurn<Answer>(act: () => Promise<Answer>): Promise<Answer> {
    const turn = this.#last.then(act, act);
    this.#last = turn;
    return turn;
  }

  #requireFresh(revision: number | null): void {
    if (revision === null || revision === this.#revision) return;
    throw new PagodaError(
      "settings_stale",
      `The change was made from revision ${revision}, and revision ${this.#revision} is in force.`,
      { param: "revision", hint: "Read GET /admin/settings again, then send the change with its revision." },
    );
  }

  #requireRouter(): void {
    if (this.#parts.router !== null) return;
    throw new PagodaError("settings_conflict", "This server has one instance, and no router to be set.", {
      hint: "Start it with --replicas 2 or more.",
    });
  }

  #targetsOf({ instance, engine, resetsPrefixCache }: SettingsChange): readonly SettingsTarget[] {
    const all = this.#parts.targets();
    if (instance !== null && !all.some(({ instanceId }) => instanceId === instance))
      throw new PagodaError("not_found", `There is no instance '${instance}'.`, {
        param: "instance",
        hint: `The instances are ${all.map(({ instanceId }) => instanceId).join(", ") || "not ready yet"}.`,
      });
    const isForEngines = Object.keys(engine).length > 0 || resetsPrefixCache;
    if (!isForEngines) return [];
    if (all.length === 0)
      throw new PagodaError("not_ready", "No instance is ready yet.", {
        hint: "Try again in a few seconds.",
      });
    return all.filter(({ instanceId }) => instance === null || instanceId === instance);
  }

  /** Instances that were changed before one failed are changed back. */
  async #applyToAll(
    targets: readonly SettingsTarget[],
    change: SettingsChange,
    { states }: Before,
  ): Promise<void> {
    const done: SettingsTarget[] = [];
    try {
      for (const target of targets) {
        await target.change(change);
        done.push(target);
      }
    } catch (thrown) {
      for (const target of done) {
        const state = states.get(target.instanceId);
        if (state !== undefined) await target.change({ engine: state.requested, ...nothing });
      }
      throw thrown;
    }
  }

  async #now(): Promise<Before> {
    const states = new Map<string, SettingsState>();
    for (const target of this.#parts.targets()) {
      const state = await target.state();
      if (state !== null) states.set(target.instanceId, state);
    }
    const router = this.#parts.router?.settings() ?? null;
    return { states, logLevel: this.#parts.log.level, maxQueue: this.#queue.mostWaiting, router };
  }

  async #accepted(before: Before, by: string, resetsPrefixCache: boolean): Promise<SettingsAnswer> {
    this.#revision++;
    const after = await this.#now();
    const changes = changesBetween(before, after);
    if (resetsPrefixCache) changes.prefixCache = ["kept", "reset"];
    const instanceIds = [...after.states.keys()];
    this.#parts.onChange({ revision: this.#revision, by, changes, instanceIds });
    return this.view();
  }
}

/** What differs in what was requested; a setting that changed at several instances counts once. */
function changesBetween(before: Before, after: Before): Record<string, readonly [string, string]> {
  const changes: Record<string, readonly [string, string]> = {};
  const note = (name: string, from: unknown, to: unknown): void => {
    const [older, newer] = [shown(from), shown(to)];
    if (older !== newer) changes[name] = [older, newer];
  };
  for (const [instanceId, { requested }] of after.states) {
    const earlier = before.states.get(instanceId)?.requested;
    if (earlier === undefined) continue;
    for (const name of Object.keys(requested) as (keyof typeof requested)[])
      note(name, earlier[name], requested[name]);
  }
  note("logLevel", before.logLevel, after.logLevel);
  note("maxQueue", before.maxQueue ?? "any", after.maxQueue ?? "any");
  note("routerPolicy", before.router?.policy, after.router?.policy);
  note("routerWeights", before.router?.weights, after.router?.weights);
  note("routerMaxWaiting", before.router?.maxWaiting, after.router?.maxWaiting);
  note("routerQueueDeadlineMs", before.router?.queueDeadlineMs, after.router?.queueDeadlineMs);
  return changes;
}

function shown(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
