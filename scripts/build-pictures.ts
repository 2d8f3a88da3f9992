/** @module Writes docs/pictures/: `npm run docs:pictures`. The plan is the same everywhere; the budget table is measured here. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { budgetScreen } from "./pictures/budget-screen.ts";
import { planScreen } from "./pictures/plan-screen.ts";
import { terminalSvg } from "./pictures/terminal-svg.ts";

const folder = resolve(import.meta.dirname, "../docs/pictures");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "plan.svg"), terminalSvg(planScreen()));
writeFileSync(join(folder, "budget.svg"), terminalSvg(await budgetScreen()));
