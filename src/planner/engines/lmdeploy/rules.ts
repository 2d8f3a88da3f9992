/** @module The rules of LMDeploy. */
import type { EngineRules } from "../../rules/engine-rules.ts";
import { percentages, stepsOf } from "../../rules/step-values.ts";
import { lmdeployCopies } from "./copies.ts";
import { planLmdeploy } from "./plan/plan.ts";
import { isPytorch } from "./plan/which-engine.ts";
import { lmdeployRemedies } from "./remedies.ts";
import { lmdeployFlags } from "./settings/flag-table.ts";
import { newestLmdeploy } from "./settings/settings.ts";
import { lmdeployTranslation } from "./translation.ts";

export const lmdeployRules: EngineRules = {
  id: "lmdeploy",
  title: "LMDeploy",
  newestVersion: newestLmdeploy,
  runsOn: "cards",
  flags: lmdeployFlags,
  command: {
    starts: [
      ["lmdeploy", "serve", "api_server"],
      ["lmdeploy", "chat", "turbomind"],
      ["lmdeploy", "chat", "torch"],
      ["lmdeploy", "chat"],
    ],
    images: [/(^|\/)lmdeploy(:|@|$)/],
    example: "lmdeploy serve api_server MODEL --session-len 8192",
  },
  roles: {
    length: "session-len",
    sequences: "max-batch-size",
    tokens: "max-prefill-token-num",
    ranks: "tp",
    share: "cache-max-entry-count",
    kvFormat: "quant-policy",
    blockSize: "cache-block-seq-len",
    prefixCaching: "enable-prefix-caching",
  },
  pool: {
    // LMDeploy refuses 1, and its 32-bit float rounds anything closer to it up.
    mostShare: 0.9999999,
    flags: ["cache-max-entry-count", "num-gpu-blocks"],
    absoluteFlags: ["num-gpu-blocks"],
    cutsShareToBlocks: true,
    absolute: (bytes, bare) => {
      const blockBytes = bare.kv?.bytesPerBlock ?? 0;
      if (!isPytorch(bare) || blockBytes === 0) return null;
      return { "num-gpu-blocks": String(Math.floor(bytes / blockBytes)) };
    },
  },
  copies: lmdeployCopies,
  translation: lmdeployTranslation,
  plan: planLmdeploy,
  remedies: lmdeployRemedies,
  searched: (isWide) => [
    stepsOf("quant-policy", [8, 4]),
    stepsOf("max-batch-size", isWide ? [256, 128, 64, 32, 16, 8] : [32, 16]),
    stepsOf("max-prefill-token-num", isWide ? [8192, 4096, 2048, 1024, 512] : [2048, 1024]),
    stepsOf("cache-max-entry-count", isWide ? percentages(20, 95) : ["0.9", "0.7", "0.5", "0.3"]),
  ],
};
