/** @module The rules of SGLang. */
import type { EngineRules } from "../../rules/engine-rules.ts";
import { percentages, stepsOf } from "../../rules/step-values.ts";
import { sglangCopies } from "./copies.ts";
import { planSglang } from "./plan/plan.ts";
import { sglangRemedies } from "./remedies.ts";
import { sglangFlags } from "./settings/flag-table.ts";
import { newestSglang } from "./settings/versions.ts";
import { sglangTranslation } from "./translation.ts";

export const sglangRules: EngineRules = {
  id: "sglang",
  title: "SGLang",
  newestVersion: newestSglang,
  runsOn: "cards",
  flags: sglangFlags,
  command: {
    starts: [["sglang", "serve"], ["sglang.launch_server"]],
    images: [/(^|\/)sglang:[\w.-]+$/],
    example: "python3 -m sglang.launch_server --model-path MODEL --mem-fraction-static 0.85",
  },
  roles: {
    length: "context-length",
    sequences: "max-running-requests",
    tokens: "chunked-prefill-size",
    ranks: "tensor-parallel-size",
    share: "mem-fraction-static",
    kvFormat: "kv-cache-dtype",
    blockSize: "page-size",
    prefixCaching: null,
  },
  pool: {
    mostShare: 0.999,
    flags: ["mem-fraction-static", "max-total-tokens"],
    absoluteFlags: ["max-total-tokens"],
    cutsShareToBlocks: false,
    absolute: (bytes, { kv }) => {
      const tokens = kv === null || kv.bytesPerToken === 0 ? 0 : Math.floor(bytes / kv.bytesPerToken);
      return tokens < 1 ? null : { "max-total-tokens": String(tokens) };
    },
  },
  copies: sglangCopies,
  translation: sglangTranslation,
  plan: planSglang,
  remedies: sglangRemedies,
  searched: (isWide) => [
    stepsOf("kv-cache-dtype", ["fp8_e4m3"]),
    stepsOf("chunked-prefill-size", isWide ? [4096, 2048, 1024] : [2048]),
    stepsOf("mem-fraction-static", isWide ? percentages(30, 95) : ["0.9", "0.93"]),
  ],
};
