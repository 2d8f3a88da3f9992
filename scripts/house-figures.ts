/** @module Prints the figures of the house: `node scripts/house-figures.ts [--list]`; --list names every place. */
import { houseFigures } from "../tests/architecture/figures.ts";

const figures = houseFigures();
const lists = {
  "import cycles, types included": figures.cycles.map((cycle) => cycle.join(" → ")),
  "files in them": figures.cycles.flat(),
  "mutual folder pairs": figures.mutualFolderPairs,
  "folders of more than 16 files": figures.largeFolders,
  "doors of backend used from outside": figures.backendDoors,
  "lines outside planner/engines/ that name an engine": figures.linesNamingAnEngine,
  "British spellings of quantization": figures.britishNames,
};

console.log(`${figures.numFiles} production files; the fullest folder is ${figures.largestFolder}`);
for (const [what, findings] of Object.entries(lists)) {
  console.log(`${String(findings.length).padStart(5)}  ${what}`);
  if (process.argv.includes("--list")) for (const finding of findings) console.log(`         ${finding}`);
}
