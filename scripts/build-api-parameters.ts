/** Writes docs/api-parameters.md. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { document } from "./api-parameters/parameter-table.ts";

writeFileSync(resolve(import.meta.dirname, "../docs/api-parameters.md"), document());
