/** @module Whose settings are changed: an engine of this process, or an instance behind an endpoint. */
import {
  type SettingsAnswer,
  type SettingsChange,
  type SettingsState,
  settingsAnswerSchema,
} from "../../api/admin/observatory/index.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { type ErrorCode, errorCatalogue, PagodaError } from "../../core/errors.ts";
import type { GenerationService } from "../../core/generation.ts";
import type { LiveSettings } from "../../core/settings/live-settings.ts";
import { checkChange, type RestartCommand } from "./check-change.ts";

type EngineChange = Pick<SettingsChange, "engine" | "resetsPrefixCache">;

export interface SettingsTarget {
  readonly instanceId: string;
  /** null: it has no settings that change while it runs. */
  state(): Promise<SettingsState | null>;
  /** Throws what `change` would throw, and changes nothing. */
  check(change: EngineChange): Promise<void>;
  change(change: EngineChange): Promise<void>;
}

/** `revision`: that of the server, which counts for its own engines. */
export function engineTarget(
  instanceId: string,
  service: GenerationService,
  parts: { readonly revision: () => number; readonly restartCommand: RestartCommand },
): SettingsTarget {
  const check = async ({ engine }: EngineChange): Promise<void> =>
    checkChange(engine, service.settings(), parts.restartCommand);
  return {
    instanceId,
    state: async () => stateOf(service, parts.revision()),
    check,
    change: async (change) => {
      await check(change);
      if (Object.keys(change.engine).length > 0) await service.changeSettings(change.engine);
      if (change.resetsPrefixCache) await service.resetPrefixCache();
    },
  };
}

export function stateOf(service: GenerationService, revision: number): SettingsState {
  const { requested, effective, isDeferred, ceilings } = service.settings();
  return { revision, state: isDeferred ? "deferred" : "applied", requested, effective, ceilings };
}

/** A server that has `/admin/settings` itself. Of others the prefix cache can be reset where they have a path for it. */
export function endpointTarget(instanceId: string, endpoint: Endpoint): SettingsTarget {
  const ask = (method: string, body: Partial<LiveSettings> | object | null) => asked(endpoint, method, body);
  return {
    instanceId,
    state: async () => Object.values((await ask("GET", null))?.instances ?? {})[0] ?? null,
    check: async ({ engine, resetsPrefixCache }) => {
      if (resetsPrefixCache && Object.keys(engine).length === 0) return;
      const state = Object.values((await ask("GET", null))?.instances ?? {})[0];
      if (state === undefined) throw hasNone(instanceId);
      checkChange(engine, { ...state, isDeferred: false }, () => null);
    },
    change: async ({ engine, resetsPrefixCache }) => {
      const body = { ...engine, ...(resetsPrefixCache ? { resetPrefixCache: true } : {}) };
      if ((await ask("PATCH", body)) !== null) return;
      if (!resetsPrefixCache || Object.keys(engine).length > 0) throw hasNone(instanceId);
      await resetPrefixCacheOf(instanceId, endpoint);
    },
  };
}

const mostMs = 10_000;

/** By the path that engines of other programs have for it; some only answer it in their mode for development. */
async function resetPrefixCacheOf(instanceId: string, endpoint: Endpoint): Promise<void> {
  const request = { method: "POST", path: "/reset_prefix_cache", headers: {}, body: null };
  const answer = await endpoint.forward(request, AbortSignal.timeout(mostMs));
  const text = await textOf(answer);
  if (answer.status >= 300) throw hasNone(instanceId);
  if (!/"success"\s*:\s*false/.test(text)) return;
  throw new PagodaError(
    "settings_conflict",
    `The engine of ${instanceId} did not reset its prefix cache, because requests use blocks of it.`,
    { hint: "Try again when they have ended." },
  );
}

async function textOf({ body }: Awaited<ReturnType<Endpoint["forward"]>>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

/** null where the server has no such path. */
async function asked(
  endpoint: Endpoint,
  method: string,
  body: object | null,
): Promise<SettingsAnswer | null> {
  const answer = await endpoint.forward(
    {
      method,
      path: "/admin/settings",
      headers: body === null ? {} : { "content-type": "application/json" },
      body: body === null ? null : new TextEncoder().encode(JSON.stringify(body)),
    },
    AbortSignal.timeout(mostMs),
  );
  const text = await textOf(answer);
  if (answer.status === 404 || answer.status === 405) return null;
  if (answer.status >= 300) throw refusalOf(text);
  const parsed = settingsAnswerSchema.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : null;
}

/** The instance's own words. */
function refusalOf(text: string): PagodaError {
  const { error } = JSON.parse(text) as {
    error: { readonly code: string; readonly message: string; readonly hint?: string };
  };
  const code = Object.hasOwn(errorCatalogue, error.code) ? (error.code as ErrorCode) : "internal";
  return new PagodaError(code, error.message, {
    hint: error.hint ?? "The log of the instance has the details.",
  });
}

function hasNone(instanceId: string): PagodaError {
  return new PagodaError(
    "settings_conflict",
    `The engine of ${instanceId} has no settings that change while it runs.`,
    { hint: "Start it again with other flags; the fleet replaces instances one after another." },
  );
}
