/**
 * Puts the AssemblyScript kernels' WebAssembly into build/kernels.wasm; skips when that is newer than everything it is
 * made of. Run by `npm ci` (prepare), never at start.
 *
 * The compiler is a development dependency of 100 MiB. So the result is committed too, with a checksum of its sources
 * (docs/decisions/019): where they are the same it is unpacked, where they have changed it is compiled, and both files
 * are written anew. A test compiles and compares.
 *
 * The kernels' module `./job-fields` has no file: it is written from src/backend/cpu/kernels/jobs.ts, so that the offsets a
 * kernel reads cannot differ from those TypeScript writes.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { jobHeader, jobLayouts } from "../src/backend/cpu/kernels/jobs.ts";
import { invariant } from "../src/core/errors.ts";

const root = resolve(import.meta.dirname, "..");
const kernelFolder = join(root, "src/backend/cpu/kernels/wasm/assemblyscript");
const output = join(root, "build/kernels.wasm");
const prebuilt = join(root, "src/backend/cpu/kernels/wasm/kernels.wasm.gz");
const prebuiltSources = join(root, "src/backend/cpu/kernels/wasm/kernels.sources.sha256");
const options = [
  "--optimizeLevel=3",
  "--shrinkLevel=0",
  "--noAssert",
  "--runtime=stub",
  "--enable=simd,relaxed-simd,threads",
  "--importMemory",
  "--sharedMemory",
  "--initialMemory=1",
  "--maximumMemory=65536",
  "--noExportMemory",
  // 201: usize and u32 are the same here. 112: no v128 leaves the module.
  "--disableWarning=201,112",
];

/** One constant per field, `<kernel>_<field>`: its byte offset in the job block. */
function jobFieldsSource(): string {
  const lines = [
    `export const job_start: usize = ${jobHeader.start * 4};`,
    `export const job_end: usize = ${jobHeader.end * 4};`,
  ];
  for (const [kernel, fields] of Object.entries(jobLayouts))
    for (const [index, field] of Object.keys(fields).entries())
      lines.push(`export const ${kernel}_${field}: usize = ${16 + index * 4};`);
  return lines.join("\n");
}

/** By file name, which no two sources have in common (docs/decisions/067): path of each source. */
const sources = new Map<string, string>();
for (const name of readdirSync(kernelFolder, { recursive: true, encoding: "utf8" })) {
  if (!name.endsWith(".ts")) continue;
  const [file, path] = [basename(name), join(kernelFolder, name)];
  invariant(!sources.has(file), () => `${path} has the file name of ${sources.get(file)}`);
  sources.set(file, path);
}

function isUpToDate(): boolean {
  const inputs = [...sources.values()];
  inputs.push(join(root, "src/backend/cpu/kernels/jobs.ts"), import.meta.filename);
  const built = statSync(output, { throwIfNoEntry: false });
  return built !== undefined && inputs.every((input) => statSync(input).mtimeMs < built.mtimeMs);
}

/** What is used of asc's own API; its type declarations would add AssemblyScript's globals to our whole program. */
interface Asc {
  main(
    args: readonly string[],
    host: {
      readonly stderr: { write(chunk: string): void };
      readFile(name: string, baseDir: string): string | null;
      writeFile(name: string, contents: string | Uint8Array): void;
    },
  ): Promise<{ readonly error: Error | null }>;
}

/**
 * A source as the compiler sees it: all of them in one folder. Paths are part of the names by which the compiler orders
 * functions, and the bytes that it writes must not change when a source moves to another folder.
 */
function sourceText(file: string): string | null {
  const path = sources.get(file);
  if (path === undefined) return null;
  return readFileSync(path, "utf8").replaceAll(/ from "\.[^"]*\/([^"/]+)"/g, ' from "./$1"');
}

function readSource(name: string, baseDir: string): string | null {
  const file = relative(kernelFolder, resolve(baseDir, name));
  return file === "job-fields.ts" ? jobFieldsSource() : sourceText(file);
}

/** SHA-256 over everything that decides the compiler's output: sources, job fields, options, its version. */
export function sourcesChecksum(): string {
  const hash = createHash("sha256");
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  hash.update(JSON.stringify([options, devDependencies.assemblyscript, jobFieldsSource()]));
  for (const name of [...sources.keys()].sort()) hash.update(`\0${name}\0`).update(sourceText(name) ?? "");
  return hash.digest("hex");
}

/** The committed WebAssembly; null where it was compiled from other sources. */
export function prebuiltKernels(): Uint8Array | null {
  if (!existsSync(prebuilt) || !existsSync(prebuiltSources)) return null;
  if (readFileSync(prebuiltSources, "utf8").trim() !== sourcesChecksum()) return null;
  return gunzipSync(readFileSync(prebuilt));
}

export async function compileKernels(): Promise<Uint8Array> {
  const specifier: string = "assemblyscript/asc";
  const asc: Asc = await import(specifier);
  const results: Uint8Array[] = [];
  const messages: string[] = [];
  const files = ["index.ts", `--baseDir=${kernelFolder}`, "--outFile=kernels.wasm"];
  await asc.main([...files, ...options], {
    stderr: { write: (chunk) => void messages.push(chunk) },
    readFile: readSource,
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") results.push(contents);
    },
  });
  const [wasm] = results;
  invariant(wasm !== undefined, () => `the kernels do not compile:\n${messages.join("")}`);
  return wasm;
}

/** Whole or not at all: another process may be reading the old one. */
function replaceFile(path: string, contents: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, contents);
  renameSync(partial, path);
}

async function build(): Promise<void> {
  const wasm = prebuiltKernels() ?? (await compileKernels());
  if (prebuiltKernels() === null) {
    replaceFile(prebuilt, gzipSync(wasm, { level: 9 }));
    replaceFile(prebuiltSources, `${sourcesChecksum()}\n`);
  }
  replaceFile(output, wasm);
}

if (import.meta.main && !isUpToDate()) await build();
