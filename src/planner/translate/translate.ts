/** @module One engine's start as the other's: flags that have a twin, those that have none, the same KV memory, both footprints. */
import { plan } from "../engines/engines.ts";
import { plainFlag } from "../plan/flags.ts";
import { deepFreeze, type FlagValues, type Plan, type PlanRequest } from "../plan/plan.ts";
import { askedBytes, type Kept, largestFittingShare, matchAbsolute, matchShare } from "./match-pool.ts";
import {
  type LmdeployKind,
  poolFlags,
  type TranslatedEngine,
  type Twin,
  type TwinValue,
  twins,
  withoutTwin,
} from "./twins.ts";

export interface KeptFlag {
  readonly from: string;
  readonly to: string;
  readonly remark: string | null;
}

export interface DroppedFlag {
  readonly flag: string;
  readonly why: string;
}

export interface Translation {
  readonly schema: "pagoda.translation/1";
  readonly from: Plan;
  readonly to: Plan;
  readonly flags: FlagValues;
  readonly command: readonly string[];
  readonly kept: readonly KeptFlag[];
  readonly dropped: readonly DroppedFlag[];
  readonly notes: readonly string[];
}

export interface TranslationTarget {
  readonly engine: TranslatedEngine;
  readonly version: string | null;
  readonly keeps: Kept;
  /** Which engine of LMDeploy; null: its own choice. */
  readonly backend?: LmdeployKind | null;
}

interface Mapped {
  readonly flags: Record<string, string | true>;
  readonly kept: KeptFlag[];
  readonly dropped: DroppedFlag[];
}

const written = (name: string, value: string | true): string =>
  value === true ? `--${name}` : `--${name} ${value}`;

const aliases: Readonly<Record<string, string>> = {
  tp: "tensor-parallel-size",
  dp: "data-parallel-size",
  q: "quantization",
  "device-memory-utilization": "gpu-memory-utilization",
};

function twinOf(name: string, source: TranslatedEngine): Twin | undefined {
  const plain = source === "vllm" ? (aliases[name] ?? name) : name;
  return twins.find((twin) => twin[source] === plain);
}

function valueThere(
  twin: Twin,
  value: string | true,
  target: TranslatedEngine,
  kind: LmdeployKind,
): TwinValue {
  if (twin.only !== undefined && twin.only !== kind) return { value: null };
  if (target === "lmdeploy") return twin.toLmdeploy?.(value, kind) ?? { value };
  return twin.toVllm?.(value) ?? { value };
}

/** Every typed flag but those of the pool. */
function mapFlags(
  flags: FlagValues,
  source: TranslatedEngine,
  target: TranslatedEngine,
  kind: LmdeployKind,
): Mapped {
  const mapped: Mapped = { flags: {}, kept: [], dropped: [] };
  for (const [typed, value] of Object.entries(flags)) {
    const name = plainFlag(typed);
    if (poolFlags[source].has(name)) continue;
    const twin = twinOf(name, source);
    const one = typeof value === "object" ? value.join(" ") : value;
    const there = twin === undefined ? { value: null } : valueThere(twin, one, target, kind);
    if (twin === undefined || there.value === null) {
      mapped.dropped.push({
        flag: written(name, one),
        why: withoutTwin[name] ?? `${target} has no such flag`,
      });
      continue;
    }
    mapped.flags[twin[target]] = there.value;
    mapped.kept.push({
      from: written(name, one),
      to: written(twin[target], there.value),
      remark: there.remark ?? null,
    });
  }
  return mapped;
}

/** vLLM shares prefixes unless told not to, LMDeploy only when told to. */
function prefixCaching(from: Plan, mapped: Mapped, target: TranslatedEngine): string | null {
  const isOn = from.settings["enable-prefix-caching"]?.value === true;
  delete mapped.flags["enable-prefix-caching"];
  if (target === "lmdeploy") {
    if (!isOn) return null;
    mapped.flags["enable-prefix-caching"] = true;
    return "vLLM shares prefixes by default, LMDeploy does not: --enable-prefix-caching keeps it on.";
  }
  if (isOn) return null;
  mapped.flags["no-enable-prefix-caching"] = true;
  return "LMDeploy shares no prefixes by default, vLLM does: --no-enable-prefix-caching keeps it off.";
}

const sizeSettings: readonly (readonly [string, string])[] = [
  ["max-num-seqs", "max-batch-size"],
  ["max-num-batched-tokens", "max-prefill-token-num"],
  ["block-size", "cache-block-seq-len"],
];

/** Sizes that nobody typed keep each engine's own default. */
function defaultNotes(from: Plan, to: Plan): string[] {
  return sizeSettings.flatMap(([vllm, lmdeploy]) => {
    const [here, there] = from.engine === "vllm" ? [vllm, lmdeploy] : [lmdeploy, vllm];
    const [mine, other] = [from.settings[here], to.settings[there]];
    if (mine === undefined || other === undefined || mine.value === other.value || other.from === "flag")
      return [];
    return [
      `--${here} is ${mine.value} by default here, --${there} ${other.value} there; each keeps its own.`,
    ];
  });
}

/** The same KV may be more than the other engine can start with: then what it can. */
function fallbackNote(to: Plan, plain: PlanRequest): string | null {
  if (to.verdict.kind === "fits") return null;
  const found = largestFittingShare(plain);
  if (found === null) return "With these flags no share surely starts there.";
  return `--${found.flag} ${found.share} surely starts there, with ${found.plan.kv?.numTokens.expected ?? 0} KV tokens.`;
}

/** The engine of LMDeploy that serves a request: TurboMind, or PyTorch where it falls back. */
function lmdeployKind(request: PlanRequest): LmdeployKind {
  return plan(request).rules.startsWith("PyTorch") ? "pytorch" : "turbomind";
}

function isAbsolute(flags: FlagValues): boolean {
  const names = Object.keys(flags).map(plainFlag);
  return names.some((name) => /^(kv-cache-memory|num-gpu-blocks)/.test(name));
}

/**
 * Translates a start. Both plans are computed on the same device with the same neighbours.
 * @throws PagodaError `plan_invalid` where the source itself is refused by its engine.
 */
export function translateStart(request: PlanRequest, target: TranslationTarget): Translation {
  const source: TranslatedEngine = request.engine === "vllm" ? "vllm" : "lmdeploy";
  const from = plan(request);
  const chosen: FlagValues =
    target.engine === "lmdeploy" && target.backend ? { backend: target.backend } : {};
  const bare: PlanRequest = { ...request, engine: target.engine, version: target.version, flags: chosen };
  const kind = lmdeployKind(source === "lmdeploy" ? request : bare);
  const mapped = mapFlags(request.flags, source, target.engine, kind);
  const prefixNote = prefixCaching(from, mapped, target.engine);
  const plain = { ...bare, flags: { ...chosen, ...mapped.flags } };
  const wanted = askedBytes(request, from, target.keeps);
  const isStated = isAbsolute(request.flags) && target.keeps === "kv";
  const pool = isStated ? matchAbsolute(plain, wanted) : matchShare(plain, wanted, target.keeps);
  const flags = { ...chosen, ...pool.flags, ...mapped.flags };
  const to = plan({ ...bare, flags });
  const notes = [
    prefixNote,
    pool.shortfall === null ? null : `The target cannot match it: ${pool.shortfall}.`,
    fallbackNote(to, plain),
    ...defaultNotes(from, to),
  ].filter((note) => note !== null);
  return deepFreeze({
    schema: "pagoda.translation/1",
    from,
    to,
    flags,
    command: to.command,
    kept: mapped.kept,
    dropped: mapped.dropped,
    notes,
  });
}
