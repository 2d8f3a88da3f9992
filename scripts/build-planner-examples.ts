/** @module Writes docs/planner-examples.md: `npm run docs:planner`. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { renderExamples } from "./planner-examples/render.ts";

writeFileSync(resolve(import.meta.dirname, "../docs/planner-examples.md"), renderExamples());
