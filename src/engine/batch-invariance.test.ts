import { createReferenceBackend } from "../backend/reference/reference-backend.ts";
import { describeBatchInvariance } from "./testing/batch-invariance.ts";

describeBatchInvariance("reference backend", () => createReferenceBackend({ kv: "stored" }), [
  { checkpoint: "llama-gqa-rope-scaled", kvDtype: "f16" },
  { checkpoint: "mistral-sliding-window", kvDtype: "int8" },
  { checkpoint: "qwen3", kvDtype: "int4" },
]);
