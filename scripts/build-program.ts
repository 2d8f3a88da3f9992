/**
 * @module Bundles the program of `bin/pagoda.js` and its worker threads into build/program, so that a start reads some large
 * files and not 1,400 small ones, and strips no types. Run by `npm ci` (prepare) and `npm run build`; the reasons and the
 * figures are in docs/decisions/191.
 *
 * esbuild is a development dependency. Where it is absent (`npm ci --omit=dev`) nothing is built, and the sources run.
 */
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { Plugin } from "esbuild";

const root = resolve(import.meta.dirname, "..");
const output = resolve(root, "build/program");
const entries = {
  main: "src/cli/main.ts",
  "compute.worker": "src/backend/cpu/compute.worker.ts",
  "read-bandwidth.worker": "src/backend/cpu/measure/read-bandwidth.worker.ts",
  "rule.worker": "src/grammar/compile/rule.worker.ts",
};
/** Its `import()` with a pattern loses the names of a CommonJS module in a bundle. */
const external = ["pino"];
/** Of libraries that are CommonJS, in a bundle that is not. */
const banner = `import { createRequire as requireFrom } from "node:module";\nconst require = requireFrom(import.meta.url);`;

/** How a source file names its worker: by its own ending. */
const workerName = /import\.meta\.url\.endsWith\("\.ts"\) \? "\.\/([\w-]+)\.worker\.ts" : "[^"]*"/;

/**
 * Files that the program reads lie where its sources say, from the sources' own place; workers are bundled too, beside the
 * bundle.
 */
const places: Plugin = {
  name: "places",
  setup(build) {
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      if (!text.includes("import.meta.url")) return null;
      if (workerName.test(text))
        return { contents: text.replace(workerName, '"./$1.worker.js"'), loader: "ts" };
      const own = JSON.stringify(`../../${relative(root, path)}`);
      return {
        contents: text.replaceAll("import.meta.url", `new URL(${own}, import.meta.url).href`),
        loader: "ts",
      };
    });
  },
};

const esbuild = await import("esbuild").catch(() => null);
if (esbuild === null) {
  console.log("program: esbuild is not installed; the sources run as they are");
} else {
  const unfinished = `${output}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: unfinished,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minifySyntax: true,
    legalComments: "linked",
    banner: { js: banner },
    external,
    plugins: [places],
    logLevel: "warning",
  });
  // A start meanwhile finds the old files or the new ones.
  rmSync(output, { recursive: true, force: true });
  renameSync(unfinished, output);
}
