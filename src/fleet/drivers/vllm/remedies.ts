/** @module What vLLM says when it does not start, and the change that gets past it (texts of 0.10 to 0.32). */
import { parseByteSize } from "../../../core/byte-size.ts";
import { PagodaError } from "../../../core/errors.ts";
import { rulesOf } from "../../../planner/index.ts";
import { flagValue } from "../contract/engine-start.ts";
import { nearestModel, nearestValue, type Remedy, renamedFlag } from "../contract/remedies.ts";

const gib = 2 ** 30;
const mib = 2 ** 20;
/** Of the memory that is free, so that the pool fits although others go on to allocate. */
const spareShare = 0.1;

const flagNames = (): string[] => rulesOf("vllm").flags.map(({ name }) => `--${name}`);
const length = (tokens: string | undefined): { readonly flags: readonly string[] } => ({
  flags: [`--max-model-len ${tokens}`],
});

/** Bytes of a pool that what is free allows, whole MiB. */
function poolWithin(freeGib: string | undefined): { readonly flags: readonly string[] } | null {
  const bytes = Math.floor((Number(freeGib) * gib * (1 - spareShare)) / mib) * mib;
  return bytes > 0 ? { flags: [`--kv-cache-memory-bytes ${bytes}`] } : null;
}

/** A share that leaves room for a GiB of KV beside what the process itself holds. */
function shareFor(found: Readonly<Record<string, string>>): { readonly flags: readonly string[] } {
  const consumedGib = Number(found.requested) - Number(found.kv);
  const share = Math.ceil(((consumedGib + 1) / Number(found.total)) * 100) / 100;
  return { flags: [`--gpu-memory-utilization ${Math.min(1, share)}`] };
}

/** A size in words as a number of bytes, which every version reads. */
function plainBytes(flag: string, typed: string): { readonly flags: readonly string[] } | null {
  try {
    return { flags: [`${flag} ${parseByteSize(typed)}`] };
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}

/** The largest number of ranks, below the one asked for, that divides the heads. */
function fewerRanks(heads: number, ranks: number): { readonly flags: readonly string[] } {
  let fewer = ranks - 1;
  while (heads % fewer !== 0) fewer -= 1;
  return { flags: [`--tensor-parallel-size ${fewer}`] };
}

function withoutFlag(flag: string): { readonly flags: readonly string[] } {
  return { flags: [`without ${flag}`] };
}

const memory: readonly Remedy[] = [
  {
    pattern: /estimated maximum model length is (?<tokens>\d+)/,
    missing: "kv",
    change: ({ tokens }) => length(tokens),
  },
  {
    pattern:
      /\((?<free>[\d.]+)\/(?<total>[\d.]+) GiB\) on kv cache allocation is less than requested memory for kv \((?<kv>[\d.]+) GiB\)/,
    missing: "kv",
    change: ({ free }) => poolWithin(free),
  },
  {
    pattern:
      /\((?<free>[\d.]+)\/(?<total>[\d.]+) GiB\) on kv cache allocation is less than requested memory for kv \((?<kv>-[\d.]+)\/(?<requested>[\d.]+) GiB\)/,
    missing: "kv",
    change: shareFor,
  },
  {
    pattern:
      /\((?<free>[\d.]+)\/(?<total>[\d.]+) GiB\) on kv cache allocation is less than requested memory for kv \((?<kv>[\d.]+)\/(?<requested>[\d.]+) GiB\)/,
    missing: "kv",
    change: ({ free }) => poolWithin(free),
  },
  {
    pattern:
      /\((?<free>[\d.]+)\/(?<total>[\d.]+) GiB\) on startup is less than desired (?:CPU|GPU) memory utilization/,
    missing: "freeMemory",
    change: ({ free, total }) => ({
      flags: [`--gpu-memory-utilization ${Math.floor((Number(free) / Number(total) - 0.02) * 100) / 100}`],
    }),
  },
];

const settings: readonly Remedy[] = [
  {
    pattern: /greater than the derived max_model_len \(\w+=(?<tokens>\d+)/,
    missing: "setting",
    change: ({ tokens }) => length(tokens),
  },
  {
    pattern: /max_num_batched_tokens \((?<tokens>\d+)\) must be greater than or equal to max_num_seqs/,
    missing: "setting",
    change: ({ tokens }) => ({ flags: [`--max-num-seqs ${tokens}`] }),
  },
  {
    pattern: /heads \((?<heads>\d+)\) must be divisible by tensor parallel size \((?<ranks>\d+)\)/,
    missing: "setting",
    change: ({ heads, ranks }) => fewerRanks(Number(heads), Number(ranks)),
  },
  {
    pattern: /No common block size for (?<typed>\d+) \(.*MultipleOf\((?<step>\d+)\)/,
    missing: "setting",
    change: ({ typed, step }) => ({
      flags: [`--block-size ${Math.ceil(Number(typed) / Number(step)) * Number(step)}`],
    }),
  },
  {
    pattern: /Sleep mode is not supported/,
    missing: "setting",
    change: () => withoutFlag("--enable-sleep-mode"),
  },
  {
    pattern:
      /Cannot find the config file for \w+|quantization method \S+ is not supported|Unknown quantization/i,
    missing: "setting",
    change: () => withoutFlag("--quantization"),
  },
  {
    pattern: /chat template .* (?:looks like a file path, but|appears path-like, but|failed to be opened)/i,
    missing: "setting",
    change: () => withoutFlag("--chat-template"),
  },
  {
    pattern: /invalid tool call parser: (?<typed>\S+) \(chose from (?<listed>[^)]*)\)/,
    missing: "setting",
    change: ({ typed = "", listed = "" }) => nearestValue("--tool-call-parser", typed, listed),
  },
  {
    pattern:
      /argument (?<flag>--[\w-]+)[^:]*: invalid choice: '(?<typed>[^']*)' \(choose from (?<listed>[^)]*)\)/,
    missing: "setting",
    change: ({ flag = "", typed = "", listed = "" }) => nearestValue(flag, typed, listed),
  },
  {
    pattern: /argument (?<flag>--[\w-]+)[^:]*: Value (?<typed>\S+) cannot be converted/,
    missing: "setting",
    change: ({ flag = "", typed = "" }) => plainBytes(flag, typed),
  },
  {
    pattern: /argument (?<flag>--[\w-]+)[^:]*: .*(?:invalid|expected|could not)/i,
    missing: "setting",
    change: ({ flag = "" }, start) => (flagValue(start, flag) === null ? null : withoutFlag(flag)),
  },
  {
    pattern: /unrecognized arguments: (?<flag>--[\w-]+)/,
    missing: "setting",
    change: ({ flag = "" }, start) => renamedFlag(flag, flagNames(), start),
  },
];

const models: readonly Remedy[] = [
  {
    pattern:
      /(?:Repo id must be in the form [^:]*: |Invalid repository ID or local directory specified: |Can't load the configuration of |not a local folder[^']*)'(?<path>[^']+)'/,
    missing: "model",
    change: ({ path = "" }, start) => nearestModel(path, start),
  },
  { pattern: /Model architectures .* (?:are not supported|failed)/, missing: "model", change: () => null },
];

export const vllmRemedies: readonly Remedy[] = [...memory, ...settings, ...models];
