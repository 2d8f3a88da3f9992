/** @module Settings of a running instance on the wire: what is in force, how far each may go, and how they are changed. */
import { z } from "zod";
import { PagodaError } from "../../../core/errors.ts";
import type { LiveSettings } from "../../../core/settings/live-settings.ts";
import { fieldError } from "../../fields/complaint.ts";
import { requireObject } from "../../fields/parse-body.ts";
import { shownText } from "../../shown-text.ts";

const liveSettingsSchema = z.object({
  maxNumSeqs: z.number(),
  maxNumBatchedTokens: z.number(),
  maxModelLen: z.number(),
  maxStepMs: z.number(),
  /** KV blocks that may be in use: the rest of the pool lies idle. */
  maxNumBlocks: z.number(),
  prefixCaching: z.boolean(),
});

/** Settings of one instance. */
export const settingsStateSchema = z.object({
  /** Counts from 0; each change that was accepted adds 1. */
  revision: z.number(),
  /** `deferred`: a lower limit is in force for newcomers, and what is in use above it drains. */
  state: z.enum(["applied", "deferred"]),
  requested: liveSettingsSchema,
  effective: liveSettingsSchema,
  /** The most that each number can be raised to without a restart: what was allocated at the start. */
  ceilings: liveSettingsSchema.omit({ prefixCaching: true, maxStepMs: true }),
});
export type SettingsState = z.infer<typeof settingsStateSchema>;

const routerPolicies = ["cost", "least_loaded", "round_robin"] as const;
const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export const routerSettingsSchema = z.object({
  policy: z.enum(routerPolicies),
  /** Relative share of each instance, by its id; 1 where nothing was said. */
  weights: z.record(z.string(), z.number()),
  maxWaiting: z.number(),
  queueDeadlineMs: z.number(),
});
export type RouterSettings = z.infer<typeof routerSettingsSchema>;

/** The answer of `GET` and `PATCH /admin/settings`. */
export const settingsAnswerSchema = z.object({
  schema: z.literal("pagoda.settings/1"),
  revision: z.number(),
  state: z.enum(["applied", "deferred"]),
  logLevel: z.string(),
  /** Sequences that may wait for a seat at an engine of this process; null: any number. */
  maxQueue: z.number().nullable(),
  /** null: this server has no router. */
  router: routerSettingsSchema.nullable(),
  instances: z.record(z.string(), settingsStateSchema),
});
export type SettingsAnswer = z.infer<typeof settingsAnswerSchema>;

const mostCount = 2 ** 31 - 1;
const count = z.int().min(1).max(mostCount);
const changeSchema = z.object({
  /** The revision that the change was made from: another one in force is refused as stale. */
  revision: z.int().min(0).nullish(),
  /** Only this instance; without it all of them. */
  instance: z.string().min(1).nullish(),
  /** Who asks, for the events. */
  by: z.string().min(1).max(80).nullish(),
  maxNumSeqs: count.nullish(),
  maxNumBatchedTokens: count.nullish(),
  maxModelLen: count.nullish(),
  maxStepMs: z.int().min(1).max(600_000).nullish(),
  maxNumBlocks: count.nullish(),
  prefixCaching: z.boolean().nullish(),
  /** Forgets every cached block that nobody uses. */
  resetPrefixCache: z.boolean().nullish(),
  logLevel: z.enum(logLevels).nullish(),
  maxQueue: z.int().min(0).max(mostCount).nullish(),
  routerPolicy: z.enum(routerPolicies).nullish(),
  routerWeights: z.record(z.string(), z.number().min(0).max(1000)).nullish(),
  routerMaxWaiting: z.int().min(0).max(mostCount).nullish(),
  routerQueueDeadlineMs: z.int().min(1).max(3_600_000).nullish(),
});

export interface SettingsChange {
  readonly revision: number | null;
  readonly instance: string | null;
  readonly by: string | null;
  readonly engine: Partial<LiveSettings>;
  readonly resetsPrefixCache: boolean;
  readonly logLevel: string | null;
  readonly maxQueue: number | null;
  readonly router: Partial<RouterSettings>;
}

/** Names of vLLM's proposal and of its flags that differ from ours in more than their case. */
const otherNames: Readonly<Record<string, string>> = {
  maxNumRunningSeqs: "maxNumSeqs",
  enablePrefixCaching: "prefixCaching",
};

/** The setting of a name in any spelling: `max-num-seqs`, `max_num_seqs` or `maxNumSeqs`. */
export function settingNamed(name: string): string {
  const camel = name
    .replace(/^--/, "")
    .replaceAll(/[-_]+([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return otherNames[camel] ?? camel;
}

export const settingNames: readonly string[] = Object.keys(changeSchema.shape);

/** Throws `invalid_request` naming the field that is wrong or unknown, or where nothing is to be changed. */
export function parseSettingsChange(body: unknown): SettingsChange {
  const given: Record<string, unknown> = {};
  const sentAs = new Map<string, string>();
  for (const [name, value] of Object.entries(requireObject(body))) {
    const setting = settingNamed(name);
    if (!Object.hasOwn(changeSchema.shape, setting))
      throw new PagodaError("invalid_request", `There is no setting '${shownText(name)}'.`, {
        param: shownText(name),
        hint: `The settings are ${settingNames.join(", ")}.`,
      });
    given[setting] = value;
    sentAs.set(setting, name);
  }
  const parsed = changeSchema.safeParse(given);
  if (!parsed.success) throw fieldError(parsed.error, { body: given, schema: changeSchema, sentAs });
  const { revision, instance, by, resetPrefixCache, logLevel, maxQueue, ...rest } = parsed.data;
  const { routerPolicy, routerWeights, routerMaxWaiting, routerQueueDeadlineMs, ...engine } = rest;
  const change = {
    revision: revision ?? null,
    instance: instance ?? null,
    by: by ?? null,
    engine: stated(engine),
    resetsPrefixCache: resetPrefixCache ?? false,
    logLevel: logLevel ?? null,
    maxQueue: maxQueue ?? null,
    router: stated({
      policy: routerPolicy,
      weights: routerWeights,
      maxWaiting: routerMaxWaiting,
      queueDeadlineMs: routerQueueDeadlineMs,
    }),
  };
  const { length } = [...Object.keys(change.engine), ...Object.keys(change.router)];
  const isOfServer = change.logLevel !== null || change.maxQueue !== null;
  if (length === 0 && !isOfServer && !change.resetsPrefixCache)
    throw new PagodaError("invalid_request", "The body names no setting to change.", {
      hint: `Send at least one of ${settingNames.slice(3).join(", ")}.`,
    });
  return change;
}

type Stated<Fields> = { -readonly [Name in keyof Fields]?: NonNullable<Fields[Name]> };

function stated<Fields extends object>(fields: Fields): Stated<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(entries) as Stated<Fields>;
}

/** `/v1/runtime_config` in the names of vLLM's proposal, with ours beside them. */
export function runtimeConfig({ revision, state, requested, ceilings }: SettingsState): object {
  return {
    max_num_running_seqs: requested.maxNumSeqs,
    max_num_seqs: ceilings.maxNumSeqs,
    max_num_batched_tokens: requested.maxNumBatchedTokens,
    max_model_len: requested.maxModelLen,
    max_step_ms: requested.maxStepMs,
    max_num_blocks: requested.maxNumBlocks,
    enable_prefix_caching: requested.prefixCaching,
    revision,
    state,
  };
}
