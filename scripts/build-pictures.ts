/**
 * @module Writes docs/pictures/: `npm run docs:pictures`. The plan is the same everywhere; the budget table and the page are
 * those of a real server here. The page needs chromium (PAGODA_CHROMIUM names another one than Debian's).
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { budgetScreen } from "./pictures/budget-screen.ts";
import { writePagePictures } from "./pictures/page-pictures.ts";
import { planScreen } from "./pictures/plan-screen.ts";
import { terminalSvg } from "./pictures/terminal-svg.ts";

const folder = resolve(import.meta.dirname, "../docs/pictures");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "plan.svg"), terminalSvg(planScreen()));
writeFileSync(join(folder, "budget.svg"), terminalSvg(await budgetScreen()));
const chromium = process.env.PAGODA_CHROMIUM ?? "/usr/bin/chromium";
if (existsSync(chromium)) await writePagePictures(folder, chromium);
else console.error(`The pictures of the page are left as they are: there is no ${chromium}.`);
