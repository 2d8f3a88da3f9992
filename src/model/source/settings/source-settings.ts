/** @module Where models may come from, as the environment says. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { PagodaError } from "../../../core/errors.ts";

const publicHub = "https://huggingface.co";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SourceSettings {
  /** Without a slash at its end. */
  readonly hubEndpoint: string;
  /** Shared with huggingface_hub: models--org--name/{blobs,snapshots,refs}. */
  readonly hubCacheFolder: string;
  readonly hubToken: string | null;
  readonly mayAskHub: boolean;
  readonly mayAskPip: boolean;
  /** Our own cache; holds the default model. */
  readonly ownCacheFolder: string;
  /** For child processes. */
  readonly environment: Environment;
  /** Aborting it gives up every download: child processes are ended and their partial files removed. */
  readonly stop: AbortSignal;
}

/**
 * HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN (or the token file that `hf auth login` writes), HF_HUB_OFFLINE, and ours:
 * PAGODA_CACHE, PAGODA_OFFLINE. XDG_CACHE_HOME moves both caches.
 * Throws PagodaError `invalid_option` for an HF_ENDPOINT that is not a web address.
 */
export function sourceSettingsFrom(
  environment: Environment,
  stop: AbortSignal = new AbortController().signal,
): SourceSettings {
  const cacheHome = given(environment.XDG_CACHE_HOME) ?? join(homedir(), ".cache");
  const hubHome = given(environment.HF_HOME) ?? join(cacheHome, "huggingface");
  const isOffline = isSwitchedOn(environment.PAGODA_OFFLINE);
  return {
    hubEndpoint: endpointFrom(given(environment.HF_ENDPOINT) ?? publicHub),
    hubCacheFolder: given(environment.HF_HUB_CACHE) ?? join(hubHome, "hub"),
    hubToken: given(environment.HF_TOKEN) ?? storedToken(join(hubHome, "token")),
    mayAskHub: !isOffline && !isSwitchedOn(environment.HF_HUB_OFFLINE),
    mayAskPip: !isOffline,
    ownCacheFolder: given(environment.PAGODA_CACHE) ?? join(cacheHome, "pagoda"),
    environment,
    stop,
  };
}

function endpointFrom(text: string): string {
  const protocol = URL.parse(text)?.protocol;
  if (protocol === "http:" || protocol === "https:") return text.replace(/\/+$/, "");
  throw new PagodaError(
    "invalid_option",
    `HF_ENDPOINT is ${JSON.stringify(text)}, which is not a web address.`,
    {
      hint: "Write it as https://host, or unset it.",
      param: "HF_ENDPOINT",
    },
  );
}

function given(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}

/** As huggingface_hub reads its switches. */
function isSwitchedOn(value: string | undefined): boolean {
  return ["1", "on", "yes", "true"].includes((value ?? "").toLowerCase());
}

function storedToken(path: string): string | null {
  try {
    return given(readFileSync(path, "utf8").trim()) ?? null;
  } catch {
    return null; // no token is the usual case
  }
}
