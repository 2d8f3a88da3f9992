/** @module The backend that was asked for. */
import type { Backend } from "../backend/backend.ts";
import { createBackend } from "../backend/create/index.ts";
import type { InstanceSettings } from "./settings.ts";

/** The CPU backend with its threads and the kernels that were named, or the reference. */
export function chosenBackend(settings: InstanceSettings): Promise<Backend> {
  if (settings.backend.value === "reference") return createBackend({ name: "reference", kv: "stored" });
  const kernels = settings.kernels.value;
  const cpu = {
    name: "cpu",
    numThreads: settings.numThreads.value,
    numRanks: settings.numRanks.value,
  } as const;
  return createBackend(kernels === "auto" ? cpu : { ...cpu, kernels });
}
