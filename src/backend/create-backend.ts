/** @module The backends by name. Each is imported only when it is asked for. */
import type { Backend } from "./backend.ts";

/** `reference` is plain float32 TypeScript, for comparisons; it stores keys and values as the CPU backend does. */
export async function createBackend(name: "reference" | "cpu"): Promise<Backend> {
  if (name === "cpu") {
    const { CpuBackend } = await import("./cpu/cpu-backend.ts");
    return new CpuBackend();
  }
  const { createReferenceBackend } = await import("./reference/reference-backend.ts");
  return createReferenceBackend({ kv: "stored" });
}
