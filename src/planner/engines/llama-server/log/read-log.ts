/** @module What a llama-server log states: the buffers on each device, the sizes of the context, and the metadata of the model's file. */
import { mib } from "../../../../core/byte-size.ts";
import {
  type Collected,
  collectFacts,
  emptyFacts,
  factsOf,
  type LinePattern,
} from "../../../log/collect-facts.ts";
import { type FigureName, type LogFacts, printedSize } from "../../../log/log-facts.ts";
import { readPastedCommands } from "../../../log/pasted-command.ts";
import { configOfGguf, isKnownGguf } from "../../../model/gguf-config.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import { measured } from "../../../quantity/quantity.ts";
import { llamaServerFlags } from "../settings/flag-table.ts";

const patterns: readonly LinePattern[] = [
  { pattern: /\b(?:build|version|build_info)\s*:\s*(?<version>b?\d{4,5})\b/, texts: { version: "version" } },
  { pattern: /Device \d+: (?<gpu>NVIDIA [^,]+),/, texts: { gpu: "gpu" } },
  { pattern: /using device CUDA\d+ \((?<gpu>[^)]+)\)/, texts: { gpu: "gpu" } },
  { pattern: /- CUDA\d+\s*: (?<gpu>[^(]+) \((?<total>\d+) MiB/, texts: { gpu: "gpu" } },
  {
    pattern: /using device CUDA\d+ .* - (?<free>\d+) (?<unit>MiB) free/,
    figures: { free: "freeAtStart" },
  },
  { pattern: /\bn_ctx\s+= (?<tokens>\d+)/, flags: { tokens: "ctx-size" } },
  { pattern: /\bn_seq_max\s+= (?<slots>\d+)/, flags: { slots: "parallel" } },
  { pattern: /\bn_batch\s+= (?<tokens>\d+)/, flags: { tokens: "batch-size" } },
  { pattern: /\bn_ubatch\s+= (?<tokens>\d+)/, flags: { tokens: "ubatch-size" } },
  { pattern: /\bkv_unified\s+= (?<unified>true|false)/, flags: { unified: "kv-unified" } },
  { pattern: /\bflash_attn\s+= (?<flash>\w+)/, flags: { flash: "flash-attn" } },
  {
    pattern: /K \((?<keys>\w+)\):.*V \((?<values>\w+)\):/,
    flags: { keys: "cache-type-k", values: "cache-type-v" },
  },
  { pattern: /offloaded (?<layers>\d+)\/\d+ layers to GPU/, flags: { layers: "gpu-layers" } },
  {
    pattern:
      /load_model: initializing, n_slots|server is listening|listening on http|all slots are idle|model loaded/,
    isStarted: true,
  },
  {
    pattern: /loading model '(?<model>[^']+)'|from (?<path>\S+\.gguf) \(version/,
    texts: { model: "model", path: "model" },
  },
];

/** Buffers of one device, in MiB: several lines of one kind add up (a cache of windows beside that of whole sequences). */
interface DeviceBuffers {
  weights: number;
  availableKv: number;
  state: number;
  workspace: number;
}

const bufferLine =
  /\b(CUDA\d+|ROCm\d+|Vulkan\d+|SYCL\d+|Metal|MTL0|CPU(?:_Mapped|_REPACK)?|CUDA_Host)\s+(model|KV|RS|compute)? ?buffer size =\s*([\d.]+) MiB/;
const kinds: Readonly<Record<string, keyof DeviceBuffers>> = {
  model: "weights",
  KV: "availableKv",
  RS: "state",
  compute: "workspace",
};

function isCardName(device: string): boolean {
  return !/^(CPU|CUDA_Host)/.test(device);
}

function buffersOf(lines: readonly string[]): ReadonlyMap<string, DeviceBuffers> {
  const devices = new Map<string, DeviceBuffers>();
  for (const line of lines) {
    const [, device, kind = "model", size] = bufferLine.exec(line) ?? [];
    const name = kinds[kind];
    if (device === undefined || name === undefined) continue;
    const key = isCardName(device) ? device : "CPU";
    const held = devices.get(key) ?? { weights: 0, availableKv: 0, state: 0, workspace: 0 };
    // A compute buffer is printed again when it is reserved again.
    held[name] = name === "workspace" ? Math.max(held[name], Number(size)) : held[name] + Number(size);
    devices.set(key, held);
  }
  return devices;
}

const roundingMib = 0.005;

/** The fullest card's buffers as figures; the processors' where no card has any. */
function readBuffers(facts: Collected, lines: readonly string[]): void {
  const devices = buffersOf(lines);
  const cards = [...devices].filter(([device]) => isCardName(device));
  const sum = ({ weights, availableKv, state, workspace }: DeviceBuffers): number =>
    weights + availableKv + state + workspace;
  const fullest = (cards.length > 0 ? cards : [...devices]).sort(([, a], [, b]) => sum(b) - sum(a))[0];
  if (fullest === undefined) return;
  const [device, held] = fullest;
  for (const name of ["weights", "availableKv", "workspace"] as const satisfies readonly FigureName[])
    if (held[name] > 0)
      facts.figures[name] = measured(held[name] * mib, `the log states it of ${device}`, roundingMib * mib);
  if (cards.length > 1) facts.flags["tensor-split"] ??= cards.map(() => "1").join(",");
}

/** `llama_model_loader: - kv  12:  qwen3.block_count u32 = 36` as the file had it. */
function metadataOf(lines: readonly string[]): ReadonlyMap<string, unknown> {
  const metadata = new Map<string, unknown>();
  for (const line of lines) {
    const [, key, kind = "", value = ""] =
      /- kv\s+\d+:\s+(\S+)\s+(u\d+|i\d+|f\d+|bool|str|arr\[\w+,\d+\])\s*= (.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    if (kind === "str") metadata.set(key, value.trim());
    else if (kind === "bool") metadata.set(key, value.trim() === "true");
    else if (kind.startsWith("arr")) metadata.set(key, arrayOf(kind, value));
    else metadata.set(key, Number(value));
  }
  return metadata;
}

/** Numbers of a list as far as they are printed; of a long list only how many it has. */
function arrayOf(kind: string, text: string): readonly unknown[] {
  const count = Number(/,(\d+)\]/.exec(kind)?.[1] ?? 0);
  if (/^arr\[str/.test(kind)) return Array<string>(count).fill("");
  const items = (/\[([^\]]*)/.exec(text)?.[1] ?? "").split(",").map((item) => item.trim());
  const numbers = items
    .filter((item) => item !== "..." && item !== "")
    .map((item) => (item === "true" ? 1 : Number(item)));
  return numbers;
}

/** The encoding that most tensors have, norms aside. */
function mainType(lines: readonly string[]): string {
  let [most, name] = [0, "Q8_0"];
  for (const line of lines) {
    const [, type = "", count = "0"] = /- type\s+(\w+):\s+(\d+) tensors/.exec(line) ?? [];
    if (type === "" || type === "f32" || Number(count) <= most) continue;
    [most, name] = [Number(count), type.toUpperCase()];
  }
  return name;
}

function readModel(facts: Collected, lines: readonly string[]): void {
  const metadata = metadataOf(lines);
  const architecture = metadata.get("general.architecture");
  if (typeof architecture !== "string" || !isKnownGguf(architecture)) return;
  const isTied =
    /^gemma/.test(architecture) || lines.some((line) => /output\.weight.*(?:duplicat|tied)/.test(line));
  facts.modelConfig = configOfGguf(metadata, mainType(lines), !isTied);
  const name = metadata.get("general.name") ?? metadata.get("general.basename");
  if (typeof name === "string") facts.modelNames.push(name);
}

/** The phase in which an allocation failed, by what had been printed before it. */
function phaseAt(lines: readonly string[], at: number): FailureKind {
  const rest = lines.slice(at, at + 6).join("\n");
  if (/failed to (?:allocate|initialize) .*(?:compute|pp) buffers|graph_reserve|compute buffers/.test(rest))
    return "activations";
  if (/failed to allocate buffer for kv cache|llama_kv_cache/.test(rest)) return "kvAllocation";
  if (/failed to allocate buffer for rs cache/.test(rest)) return "stateCache";
  if (/unable to allocate .*buffer|failed to load model|error loading model/.test(rest)) return "weights";
  const before = lines.slice(0, at).join("\n");
  if (/server is listening|listening on http|all slots are idle/.test(before)) return "serving";
  if (/compute buffer size/.test(before)) return "warmUp";
  return /KV buffer size/.test(before)
    ? "activations"
    : /model buffer size/.test(before)
      ? "kvAllocation"
      : "weights";
}

const failed =
  /cudaMalloc failed: out of memory|CUDA error: out of memory|failed to allocate (?:buffer|CUDA\d|compute)|unable to allocate \w+ buffer|ErrorOutOfDeviceMemory|hipErrorOutOfMemory/;

function readFailures(facts: Collected, lines: readonly string[]): void {
  const isTriedAgain = (at: number): boolean =>
    lines.slice(at, at + 6).some((line) => /retrying without pipeline parallelism/.test(line));
  const at = lines.findIndex((line, index) => failed.test(line) && !isTriedAgain(index));
  if (at >= 0) {
    const message = (lines[at] ?? "").trim();
    facts.failures.push({ kind: phaseAt(lines, at), message });
    const tried = /allocating (\d+(?:\.\d+)?) (MiB)/.exec(message);
    facts.outOfMemory = {
      tried: tried === null ? null : printedSize(tried[1] ?? "", tried[2] ?? "", "the out-of-memory message"),
      total: null,
      free: null,
      held: null,
      allocated: null,
      reserved: null,
      allowed: null,
      hasAbsurdSizes: false,
    };
  }
  const refused = lines.find((line) => /requires Flash Attention|does not support different K/.test(line));
  if (at < 0 && refused !== undefined)
    facts.failures.push({ kind: "invalidSetting", message: refused.trim() });
}

const startWords = /(?:^|[\s/"'])llama-server(?:\.exe)?"?\s+/;

export function readLlamaServerLog(lines: readonly string[]): LogFacts {
  const facts = emptyFacts();
  readPastedCommands(facts, lines, startWords, llamaServerFlags);
  collectFacts(facts, lines, patterns);
  readModel(facts, lines);
  readBuffers(facts, lines);
  readFailures(facts, lines);
  if (facts.flags["kv-unified"] === "true") facts.flags["kv-unified"] = true;
  return factsOf("llama-server", facts, facts.hasStarted && facts.failures.length === 0);
}
