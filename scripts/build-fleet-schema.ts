/** @module Writes docs/fleet.schema.json, with which editors complete and check fleet files. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fleetJsonSchema } from "../src/fleet/desired/fleet-schema.ts";

writeFileSync(
  resolve(import.meta.dirname, "../docs/fleet.schema.json"),
  `${JSON.stringify(fleetJsonSchema(), null, 2)}\n`,
);
