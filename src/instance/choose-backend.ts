/** @module The backend that was asked for; only the one in use is imported. */
import type { Backend } from "../backend/backend.ts";
import type { InstanceSettings } from "./settings.ts";

/** The CPU backend with its threads and the kernels that were named, or the reference. */
export async function chooseBackend(settings: InstanceSettings): Promise<Backend> {
  if (settings.backend.value === "reference") {
    const { createReferenceBackend } = await import("../backend/reference/reference-backend.ts");
    return createReferenceBackend({ kv: "stored" });
  }
  const { CpuBackend } = await import("../backend/cpu/cpu-backend.ts");
  const kernels = settings.kernels.value;
  const numThreads = settings.numThreads.value;
  return new CpuBackend(kernels === "auto" ? { numThreads } : { numThreads, kernels });
}
