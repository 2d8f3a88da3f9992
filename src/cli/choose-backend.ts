/** @module The backend that was asked for; only the one in use is imported. */
import type { Backend } from "../backend/backend.ts";
import type { InstanceSettings } from "./instance-settings.ts";

export async function chooseBackend(_settings: InstanceSettings): Promise<Backend> {
  const { createReferenceBackend } = await import("../backend/reference/reference-backend.ts");
  return createReferenceBackend({ kv: "stored" });
}
