/** @module The models on this machine, each planned for our engine on it. */
import { formatBytes } from "../../../core/byte-size.ts";
import { PagodaError } from "../../../core/errors.ts";
import { hasAllWords } from "../../../core/options/nearest-names.ts";
import { type CachedModel, cachedModels } from "../../../model/source/cached-models.ts";
import { sourceSettingsFrom } from "../../../model/source/resolve-model.ts";
import { plan } from "../../../planner/index.ts";
import { alignColumns } from "../../print/text-columns.ts";
import { planRequest } from "../plan/request.ts";

interface Fit {
  readonly verdict: string;
  /** Tokens that the KV pool would hold; null where nothing could be planned. */
  readonly numKvTokens: number | null;
  /** Bytes that an instance would take; null as above. */
  readonly totalBytes: number | null;
  /** Why it does not fit, or could not be planned; null where it fits. */
  readonly reason: string | null;
}

function modelsWith(words: string): readonly CachedModel[] {
  return cachedModels(sourceSettingsFrom(process.env)).filter(({ name }) => hasAllWords(name, words));
}

/** What can be served as it is: for scripts, and for a shell's completion. */
export function listNames(words: string): void {
  const whole = modelsWith(words).filter(({ path }) => path !== null);
  process.stdout.write(whole.map(({ name }) => `${name}\n`).join(""));
}

export async function listModels(words: string, asJson: boolean): Promise<void> {
  const models = modelsWith(words);
  const fits: Fit[] = [];
  for (const model of models) fits.push(await fitOf(model));
  if (asJson) {
    const rows = models.map((model, at) => ({ ...model, fit: fits[at] }));
    const { hubCacheFolder, ownCacheFolder } = sourceSettingsFrom(process.env);
    process.stdout.write(`${JSON.stringify({ hubCacheFolder, ownCacheFolder, models: rows }, null, 2)}\n`);
    return;
  }
  if (models.length === 0) {
    const which = words === "" ? "No model is" : `No model with "${words}" in its name is`;
    process.stdout.write(`${which} on this machine yet. pagoda models pull ORG/NAME fetches one.\n`);
    return;
  }
  const lines = alignColumns([
    ["model", "size", "format", "KV tokens", "here"],
    ...models.map((model, at) => rowOf(model, fits[at])),
  ]);
  process.stdout.write(`${lines.join("\n")}\n`);
}

function rowOf(model: CachedModel, fit: Fit | undefined): readonly string[] {
  const here =
    fit?.reason === null ? `${fit.verdict}, ${formatBytes(fit.totalBytes ?? 0)} in all` : (fit?.reason ?? "");
  const tokens = fit?.numKvTokens ?? null;
  return [
    model.name,
    formatBytes(model.numBytes),
    model.format,
    tokens === null ? "–" : tokens.toLocaleString("en-US"),
    here,
  ];
}

/** What `pagoda serve` without options would find. */
async function fitOf({ path, name }: CachedModel): Promise<Fit> {
  if (path === null)
    return {
      verdict: "unfinished",
      numKvTokens: null,
      totalBytes: null,
      reason: `not whole; pagoda models pull ${name} goes on`,
    };
  try {
    const start = { model: path, engine: "pagoda", version: null, flags: {} };
    const { verdict, kv, components } = plan((await planRequest(start, {})).request);
    return {
      verdict: verdict.kind,
      numKvTokens: kv?.numTokens.expected ?? null,
      totalBytes: components.reduce((sum, { quantity }) => sum + quantity.expectedBytes, 0),
      reason: verdict.kind === "fits" ? null : `${verdict.kind}: ${verdict.reason}`,
    };
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
    return { verdict: "unsupported", numKvTokens: null, totalBytes: null, reason: thrown.message };
  }
}
