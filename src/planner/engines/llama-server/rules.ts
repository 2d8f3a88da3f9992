/** @module The rules of llama-server (llama.cpp). */
import type { EngineRules } from "../../rules/engine-rules.ts";
import { stepsOf } from "../../rules/step-values.ts";
import { llamaServerCopies } from "./copies.ts";
import { planLlamaServer } from "./plan/plan.ts";
import { llamaServerRemedies } from "./remedies.ts";
import { newestLlamaServer } from "./settings/builds.ts";
import { llamaServerFlags } from "./settings/flag-table.ts";
import { llamaServerTranslation } from "./translation.ts";

/** Contexts are rounded up to so many tokens. */
const cellStep = 256;

export const llamaServerRules: EngineRules = {
  id: "llama-server",
  title: "llama-server",
  newestVersion: newestLlamaServer,
  runsOn: "either",
  flags: llamaServerFlags,
  command: {
    starts: [["llama-server"], ["llama-server.exe"]],
    images: [/(^|\/)llama\.cpp:(server|full)/],
    example: "llama-server -m MODEL.gguf -c 8192",
  },
  roles: {
    length: "kv-unified-per-slot",
    sequences: "parallel",
    tokens: "ubatch-size",
    ranks: null,
    share: null,
    kvFormat: "cache-type-k",
    blockSize: null,
    prefixCaching: "cache-prompt",
  },
  pool: {
    mostShare: 1,
    flags: ["ctx-size"],
    absoluteFlags: ["ctx-size"],
    cutsShareToBlocks: false,
    absolute: (bytes, { kv }) => {
      const tokens = kv === null || kv.bytesPerToken === 0 ? 0 : Math.floor(bytes / kv.bytesPerToken);
      const cells = Math.floor(tokens / cellStep) * cellStep;
      return cells < 1 ? null : { "ctx-size": String(cells), "kv-unified": true };
    },
  },
  copies: llamaServerCopies,
  translation: llamaServerTranslation,
  plan: planLlamaServer,
  remedies: llamaServerRemedies,
  searched: (isWide) => [
    ["q8_0", "q4_0"].map((type) => ({ flags: { "cache-type-k": type, "cache-type-v": type } })),
    stepsOf("ubatch-size", isWide ? [256, 128, 64] : [256]),
    stepsOf("parallel", isWide ? [1, 2, 8, 16, 32, 64, 128, 256] : [1, 2, 8, 16, 32, 64]),
  ],
};
