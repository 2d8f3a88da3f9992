/** @module The plan of a llama-server start: what is printed as buffer sizes, for the fullest card and for the processors. */
import { formatBytes, gib, mib } from "../../../../core/byte-size.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import { ownershipWarnings } from "../../../device/device.ts";
import { countParameters } from "../../../model/weights/rank-tensors.ts";
import { setting } from "../../../plan/flags.ts";
import type { Plan, PlanComponent, PlanRequest } from "../../../plan/plan.ts";
import { estimated, exact, minus, type Quantity } from "../../../quantity/quantity.ts";
import { llamaBuild, newestLlamaServer } from "../settings/builds.ts";
import { uncountedFlags } from "../settings/flag-table.ts";
import { type LlamaSettings, resolveLlamaSettings } from "../settings/settings.ts";
import { assertCacheTypes } from "./cache.ts";
import { fittedSizes } from "./fit.ts";
import { type HeldBytes, type LlamaFootprint, startOfLlama, sumHeld } from "./footprint.ts";
import { llamaVerdict, type PlaceOfStart } from "./outcome.ts";

/** Context, kernels and the pools of matrix products: hosts that were measured hold 0.3 to 0.7 GiB. */
const cardRuntime = estimated(
  0.25 * gib,
  0.45 * gib,
  0.8 * gib,
  "CUDA context, kernels and pools of matrix products",
);
/** The program, its vocabulary and its threads. */
const hostRuntime = estimated(
  0.03 * gib,
  0.08 * gib,
  0.3 * gib,
  "the program, its vocabulary and its threads",
);

interface Place extends PlaceOfStart {
  readonly runtime: Quantity;
}

/** The place that is judged: the fullest card, or the machine where no card is. */
function placeOf({ device, usedBytes }: PlanRequest, footprint: LlamaFootprint, isCard: boolean): Place {
  const used = exact(usedBytes, "held by others");
  const runtime = isCard ? cardRuntime : hostRuntime;
  const free = minus(device.total, [runtime, used], "free before anything is loaded");
  if (!isCard) return { held: footprint.host, free, runtime, name: device.name, isCard };
  const fullest = footprint.cards.reduce((most, card) => (sumHeld(card) > sumHeld(most) ? card : most));
  return { held: fullest, free, runtime, name: `device ${footprint.cards.indexOf(fullest)}`, isCard };
}

/** @throws PagodaError `plan_invalid` for a value that llama-server refuses. */
export function planLlamaServer(request: PlanRequest): Plan {
  const version = request.version ?? newestLlamaServer;
  const build = llamaBuild(version);
  const settings = resolveLlamaSettings(request, build);
  const { model, device, usedBytes } = request;
  assertCacheTypes(model, settings);
  const start = startOfLlama(request, settings, build);
  const isCard = device.vendor !== "cpu";
  const free = device.total.expectedBytes - usedBytes - (isCard ? cardRuntime.expectedBytes : 0);
  const { footprint, changes } = fittedSizes(start, free);
  const place = placeOf(request, footprint, isCard);
  const kv = kvOf(request, settings, footprint);
  return {
    schema: "pagoda.plan/2",
    engine: "llama-server",
    version,
    rules: `llama.cpp, builds from ${build.id}`,
    model: model.name,
    numParameters: countParameters(model),
    device: device.name,
    numDevices: isCard ? settings.proportions.length : 1,
    total: device.total,
    budgetBytes: null,
    settings: settingsOf(settings, footprint),
    components: componentsOf(request, place),
    kv,
    verdict: llamaVerdict(place),
    expectedLog: expectedLog(footprint, isCard),
    command: commandOf(request, settings),
    host: hostOf(footprint, settings, isCard),
    assumed: [...model.assumed, ...assumedOf(request)],
    warnings: [...changes, ...warningsOf(request, settings, footprint), ...ownershipWarnings(device)],
  };
}

function assumedOf({ tensors, model }: PlanRequest): string[] {
  if (tensors !== undefined) return [];
  const format = model.quantization?.ggufType ?? model.quantization?.method ?? model.dtype;
  return [`no GGUF file was read: weights are counted by formula as ${format}`];
}

/** What is not counted is named; nothing is left out in silence. */
function warningsOf(request: PlanRequest, settings: LlamaSettings, { sizes }: LlamaFootprint): string[] {
  const warnings = Object.entries(uncountedFlags)
    .filter(([name]) => request.flags[name] !== undefined)
    .map(([, what]) => `The plan does not count ${what}.`);
  const partial = sizes.cardLayers > 0 && sizes.cardLayers <= request.model.layers.length;
  if (partial || settings.hostExpertLayers > 0)
    warnings.push(
      "Layers of the processors send single matrices to the card while a prompt is read: their room is not in the compute buffer planned here.",
    );
  if (request.model.vision !== null && request.flags.mmproj === undefined)
    warnings.push("Images need --mmproj; without it the model reads text alone.");
  return warnings;
}

function componentsOf({ tensors }: PlanRequest, { held, runtime, isCard }: Place): PlanComponent[] {
  const why = "tensors of the file";
  const weights =
    tensors !== undefined
      ? exact(held.weights, why)
      : estimated(
          held.weights * 0.95,
          held.weights,
          held.weights * 1.05,
          "tensors by formula, of one encoding",
        );
  const graph = "the largest pass, laid out as ggml does";
  return [
    { name: "runtime", label: isCard ? "context (CUDA)" : "runtime", quantity: runtime, isBudgeted: false },
    { name: "weights", label: "weights", quantity: weights, isBudgeted: true },
    { name: "kvPool", label: "KV cache", quantity: exact(held.cache, "cells × layers"), isBudgeted: true },
    ...stateOf(held),
    {
      name: "workspace",
      label: "compute buffer",
      quantity: estimated(held.compute * 0.97, held.compute, held.compute * 1.03, graph),
      isBudgeted: true,
    },
  ];
}

function stateOf({ state }: HeldBytes): PlanComponent[] {
  if (state === 0) return [];
  const quantity = exact(state, "one state for each slot and layer");
  return [{ name: "state", label: "recurrent states", quantity, isBudgeted: true }];
}

function kvOf({ model }: PlanRequest, settings: LlamaSettings, footprint: LlamaFootprint): Plan["kv"] {
  const { cells, cards, host } = footprint;
  const numTokens = cells.whole * cells.numStreams;
  const bytes = [...cards, host].reduce((sum, { cache }) => sum + cache, 0);
  const limit = settings.slotTokens ?? cells.whole;
  const maxModelLen = Math.min(limit, cells.whole);
  const same = (value: number) => ({ low: value, expected: value, high: value });
  return {
    available: exact(bytes, "cells × layers, all devices together"),
    blockSize: 1,
    bytesPerBlock: bytes / numTokens,
    bytesPerToken: bytes / numTokens,
    numBlocks: same(numTokens),
    numTokens: same(numTokens),
    concurrency: same(Math.min(settings.slots.value, numTokens / maxModelLen)),
    maxModelLen,
    numGroups: model.layers.some(({ mixer }) => mixer.kind === "attention" && mixer.window !== null) ? 2 : 1,
    dtype:
      settings.keyType === settings.valueType
        ? settings.keyType.toLowerCase()
        : `${settings.keyType.toLowerCase()} and ${settings.valueType.toLowerCase()}`,
  };
}

function settingsOf(
  settings: LlamaSettings,
  { sizes, cells }: LlamaFootprint,
): Readonly<Record<string, Resolved<string | number | boolean>>> {
  const { contextTokens, slots, isUnified, microBatchTokens, usesFlash } = settings;
  const isShortened = sizes.contextTokens !== contextTokens.value;
  return {
    "ctx-size": isShortened ? setting(sizes.contextTokens, "default", "--fit") : contextTokens,
    parallel: slots,
    "kv-unified": setting(isUnified, settings.flags.has("kv-unified") ? "flag" : "default"),
    "kv-unified-per-slot": setting(
      Math.min(settings.slotTokens ?? cells.whole, cells.whole),
      settings.slotTokens === null ? "default" : "flag",
      "tokens that one slot may have",
    ),
    "batch-size": setting(settings.batchTokens, settings.flags.has("batch-size") ? "flag" : "default"),
    "ubatch-size": microBatchTokens,
    "cache-type-k": setting(
      settings.keyType.toLowerCase(),
      settings.flags.has("cache-type-k") ? "flag" : "default",
    ),
    "cache-type-v": setting(
      settings.valueType.toLowerCase(),
      settings.flags.has("cache-type-v") ? "flag" : "default",
    ),
    "flash-attn": setting(usesFlash, settings.flags.has("flash-attn") ? "flag" : "default"),
    "gpu-layers": setting(sizes.cardLayers, settings.cardLayers === null ? "default" : "flag"),
    "cache-prompt": setting(
      settings.flags.switched("cache-prompt") ?? true,
      settings.flags.has("cache-prompt") ? "flag" : "default",
    ),
  };
}

const inMib = (bytes: number): string => `${(bytes / mib).toFixed(2)} MiB`;

function expectedLog({ cards, host, outputBytes }: LlamaFootprint, isCard: boolean): string[] {
  const places: readonly (readonly [string, HeldBytes])[] = [
    ...(isCard ? cards.map((card, index) => [`CUDA${index}`, card] as const) : []),
    ["CPU", host],
  ];
  return [
    `output buffer size = ${inMib(outputBytes)}`,
    ...places
      .filter(([, held]) => sumHeld(held) > 0)
      .map(
        ([name, held]) =>
          `${name}: model ${inMib(held.weights)}, KV ${inMib(held.cache)}${held.state > 0 ? `, RS ${inMib(held.state)}` : ""}, compute ${inMib(held.compute)}`,
      ),
  ];
}

/** A file by `-m`, anything with one slash that is no file by `-hf`. */
function commandOf({ modelArgument, model }: PlanRequest, { flags }: LlamaSettings): string[] {
  const name = modelArgument ?? model.name;
  const isRepository = /^[\w.-]+\/[\w.-]+(:[\w.-]+)?$/.test(name) && !/\.gguf$/i.test(name);
  return ["llama-server", isRepository ? "-hf" : "-m", name, ...flags.asCommand()];
}

function hostOf(
  { host, outputBytes }: LlamaFootprint,
  { cacheRamBytes }: LlamaSettings,
  isCard: boolean,
): Plan["host"] {
  const kept = `up to ${formatBytes(cacheRamBytes)} more for prompts of idle slots (--cache-ram)`;
  return isCard
    ? {
        memoryBytes: sumHeld(host) + outputBytes + cacheRamBytes,
        diskBytes: 0,
        why: `embedding, layers that are not on a card, inputs, and ${kept}`,
      }
    : { memoryBytes: 0, diskBytes: 0, why: `the device is the host; ${kept}` };
}
