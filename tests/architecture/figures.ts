/** @module The figures by which the house is judged; `node scripts/house-figures.ts` prints them. */
import { doorsInUse, importCycles, mutualFolderPairs } from "./graph.ts";
import { engineFolders, largeFolders, mayNameEngines, mostFiles, mutualFolders } from "./house-rules.ts";
import { britishNames, linesNamingAnEngine } from "./measures.ts";
import { productionFiles, sourceFiles } from "./source-files.ts";

export interface HouseFigures {
  readonly numFiles: number;
  readonly cycles: readonly (readonly string[])[];
  readonly mutualFolderPairs: readonly string[];
  /** Allowed ones, each with a reason. */
  readonly mutualFoldersWithReason: readonly string[];
  /** Folders with more than 16 files, "folder: number". */
  readonly largeFolders: readonly string[];
  readonly largestFolder: string;
  readonly backendDoors: readonly string[];
  readonly linesNamingAnEngine: readonly string[];
  readonly britishNames: readonly string[];
}

export function houseFigures(): HouseFigures {
  const production = productionFiles();
  const sizes = folderSizes();
  return {
    numFiles: production.length,
    cycles: importCycles(production),
    mutualFolderPairs: mutualFolderPairs(production),
    mutualFoldersWithReason: Object.keys(mutualFolders),
    largeFolders: sizes
      .filter(([folder, numFiles]) => numFiles > mostFiles && !(folder in largeFolders))
      .map(([folder, numFiles]) => `${folder}: ${numFiles}`),
    largestFolder: (sizes[0] ?? []).join(": "),
    backendDoors: [...(doorsInUse(production).get("backend") ?? [])].sort(),
    linesNamingAnEngine: production
      .filter(({ path }) => !engineFolders.some((folder) => path.startsWith(folder)))
      .filter(({ path }) => !(path in mayNameEngines))
      .flatMap(linesNamingAnEngine),
    britishNames: sourceFiles().flatMap(britishNames),
  };
}

/** Files that lie directly in each folder, the fullest first. */
function folderSizes(): readonly (readonly [string, number])[] {
  const sizes = new Map<string, number>();
  for (const { folder } of sourceFiles()) sizes.set(folder, (sizes.get(folder) ?? 0) + 1);
  return [...sizes].sort(([, a], [, b]) => b - a);
}
