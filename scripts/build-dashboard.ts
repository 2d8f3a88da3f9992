/**
 * @module Bundles the browser program of src/dashboard into build/dashboard: one gzipped file each, and `page.json`, which
 * names them for the server. Skips when they were made of the same sources. Run by `npm ci` (prepare) and `npm run build`.
 *
 * Vite is a development dependency. Where it is absent (`npm ci --omit=dev`), the files of the committed archive
 * `src/dashboard/built-page.json.gz` are unpacked instead; `--archive` writes that archive (docs/decisions/165).
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { invariant } from "../src/core/errors.ts";

const root = resolve(import.meta.dirname, "..");
const output = join(root, "build/dashboard");
const archive = join(root, "src/dashboard/built-page.json.gz");
/** Folders whose files can end up in the bundle. */
const sourceFolders = ["src/dashboard", "src/planner", "src/core", "src/api", "src/backend/cpu/footprint"];

const otherRooms = /\/src\/(?:planner|core|api|backend)\//;

export interface BuiltPage {
  /** SHA-256 of all that the files are made of. */
  readonly sources: string;
  /** The module that starts the page. */
  readonly script: string;
  readonly styles: readonly string[];
  /** Name → text. */
  readonly files: Readonly<Record<string, string>>;
}

function isSource(path: string): boolean {
  return /\.(?:tsx?|css)$/.test(path) && !/\.test\.tsx?$|(?:^|\/)testing\//.test(path);
}

/** SHA-256 over the sources, and the versions of what they are bundled with. */
export function sourcesChecksum(): string {
  const hash = createHash("sha256");
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { vite, preact, uplot = null } = devDependencies;
  hash.update(JSON.stringify([vite, preact, uplot])).update(readFileSync(import.meta.filename));
  for (const folder of sourceFolders)
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).sort())
      if (isSource(name)) hash.update(`\0${folder}/${name}\0`).update(readFileSync(join(root, folder, name)));
  return hash.digest("hex");
}

/** null where Vite is not installed. */
async function bundler(): Promise<typeof import("vite") | null> {
  try {
    return await import("vite");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ERR_MODULE_NOT_FOUND") return null;
    throw thrown;
  }
}

/** The page out of its sources; null where there is no Vite. */
export async function bundlePage(): Promise<BuiltPage | null> {
  const vite = await bundler();
  if (vite === null) return null;
  const result = await vite.build({
    root: join(root, "src/dashboard"),
    configFile: false,
    base: "./",
    logLevel: "error",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    // The page shows no start of an engine that runs on either kind of device.
    resolve: {
      alias: [
        { find: /^\.\/all-engines\.ts$/, replacement: join(root, "src/planner/engines/page-engines.ts") },
      ],
    },
    build: {
      write: false,
      target: "es2023",
      assetsDir: "",
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input: join(root, "src/dashboard/main.tsx"),
        // The other rooms only declare things: a module of theirs that nothing is used of is left out.
        treeshake: { moduleSideEffects: (path) => !otherRooms.test(path) },
      },
    },
  });
  invariant(!Array.isArray(result) && "output" in result, () => "Vite builds the page once");
  const script = result.output.find((file) => file.type === "chunk" && file.isEntry)?.fileName;
  invariant(script !== undefined, () => "the page has a module that starts it");
  const files = Object.fromEntries(
    result.output.map((file) => [file.fileName, file.type === "chunk" ? file.code : String(file.source)]),
  );
  const styles = Object.keys(files).filter((name) => name.endsWith(".css"));
  return { sources: sourcesChecksum(), script, styles, files };
}

function archivedPage(): BuiltPage | null {
  return existsSync(archive) ? JSON.parse(gunzipSync(readFileSync(archive)).toString("utf8")) : null;
}

/** Beside the old folder first, so that a running server finds the one or the other. */
function writePage({ files, ...page }: BuiltPage): void {
  const partial = `${output}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(partial, `${name}.gz`), gzipSync(text, { level: 9 }));
  writeFileSync(join(partial, "page.json"), JSON.stringify({ ...page, files: Object.keys(files) }));
  rmSync(output, { recursive: true, force: true });
  renameSync(partial, output);
}

function isUpToDate(): boolean {
  const file = join(output, "page.json");
  return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).sources === sourcesChecksum();
}

async function build(): Promise<void> {
  const bundled = await bundlePage();
  const page = bundled ?? archivedPage();
  if (page === null) {
    console.log(
      "build: the dashboard is left out, because Vite is not installed and there is no archive of it",
    );
    return;
  }
  if (bundled === null && page.sources !== sourcesChecksum())
    console.log("build: Vite is not installed; the dashboard is that of the last archive");
  writePage(page);
  if (process.argv.includes("--archive"))
    writeFileSync(archive, gzipSync(JSON.stringify(page), { level: 9 }));
}

if (import.meta.main && (process.argv.includes("--archive") || !isUpToDate())) await build();
