/** @module The part of a fleet file that runs in a container: our own engine's models, with paths of the container. */
import { parseDocument } from "yaml";
import { isOwnEngine } from "../fleet/engine-facts.ts";
import type { ExportedFleet } from "../fleet/exported-fleet.ts";

/** Variables and secrets stay as they are written. `text` has been read and checked. */
export function ownFleetFile(text: string, fleet: ExportedFleet): string {
  const document = parseDocument(text);
  for (const { name, engine, modelPath } of fleet.models) {
    if (!isOwnEngine(engine)) document.deleteIn(["models", name]);
    else if (modelPath !== null)
      document.setIn(["models", name, "model"], `/models/${modelPath.split("/").at(-1)}`);
  }
  // Devices of the other machine are found there.
  document.delete("devices");
  document.setIn(["name"], fleet.name);
  document.setIn(["server", "host"], "0.0.0.0");
  document.setIn(["server", "port"], fleet.port);
  return String(document);
}
