/** @module The rules of our own engine. */
import type { EngineRules, Shortfall } from "../../rules/engine-rules.ts";
import { percentages, stepsOf } from "../../rules/step-values.ts";
import { pagodaCopies } from "./copies.ts";
import { pagodaFlags } from "./flag-table.ts";
import { memoryRemedies } from "./memory/remedies.ts";
import { planPagoda } from "./plan.ts";
import { newestPagoda, startOf } from "./start.ts";
import { pagodaTranslation } from "./translation.ts";

/** The remedies of the start itself, so that a plan and a refused start give the same advice. */
function remedies({ request }: Shortfall) {
  const { settings, parts } = startOf(request);
  return memoryRemedies(settings, parts);
}

export const pagodaRules: EngineRules = {
  id: "pagoda",
  title: "Pagoda",
  newestVersion: newestPagoda,
  runsOn: "processors",
  flags: pagodaFlags,
  command: {
    starts: [["pagoda", "serve"]],
    images: [/(^|\/)pagoda(:|@|$)/],
    example: "pagoda serve MODEL --memory 2GiB",
  },
  roles: {
    length: "max-model-len",
    sequences: "max-num-seqs",
    tokens: "max-num-batched-tokens",
    ranks: "tensor-parallel-size",
    share: "cache-max-entry-count",
    kvFormat: "kv-cache-dtype",
    blockSize: "block-size",
    prefixCaching: "enable-prefix-caching",
  },
  pool: {
    mostShare: 0.999,
    flags: [
      "gpu-memory-utilization",
      "memory",
      "cache-max-entry-count",
      "kv-cache-memory-bytes",
      "num-gpu-blocks-override",
      "max-kv-tokens",
    ],
    absoluteFlags: ["kv-cache-memory-bytes", "num-gpu-blocks-override", "max-kv-tokens"],
    cutsShareToBlocks: false,
    absolute: (bytes) => ({ "kv-cache-memory-bytes": String(Math.round(bytes)) }),
  },
  copies: pagodaCopies,
  translation: pagodaTranslation,
  plan: planPagoda,
  remedies,
  searched: (isWide) => [
    stepsOf("kv-cache-dtype", ["int8", "int4"]),
    isWide ? stepsOf("block-size", [32, 64]) : [],
    isWide ? stepsOf("max-num-batched-tokens", [256, 128, 64]) : [],
    stepsOf("max-num-seqs", isWide ? [512, 256, 128, 64, 16, 8] : [256, 128, 64]),
    // Without a flag the pool has a quarter of what is available.
    stepsOf("cache-max-entry-count", isWide ? percentages(10, 95) : ["0.5", "0.8", "0.95"]),
  ],
};
