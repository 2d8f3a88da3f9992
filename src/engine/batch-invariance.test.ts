import { createBackend } from "../backend/create/index.ts";
import { describeBatchInvariance } from "./testing/batch-invariance.ts";

describeBatchInvariance("reference backend", () => createBackend({ name: "reference", kv: "stored" }), [
  { checkpoint: "llama-gqa-rope-scaled", kvDtype: "f16" },
  { checkpoint: "mistral-sliding-window", kvDtype: "int8" },
  { checkpoint: "qwen3", kvDtype: "int4" },
]);
