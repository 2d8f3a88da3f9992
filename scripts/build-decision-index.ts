/** @module Writes docs/decisions/README.md: `node scripts/build-decision-index.ts`. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { decisionIndex, readDecisions } from "./decision-index.ts";

writeFileSync(resolve(import.meta.dirname, "../docs/decisions/README.md"), decisionIndex(readDecisions()));
