/**
 * Compiles the AssemblyScript kernels to build/kernels.wasm; skips when the result is newer than everything it is made
 * of. Run by `npm ci` (prepare), never at start.
 *
 * The kernels' module `./job-fields` has no file: it is written from src/backend/cpu/kernels/jobs.ts, so that the offsets a
 * kernel reads cannot differ from those TypeScript writes.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { jobHeader, jobLayouts } from "../src/backend/cpu/kernels/jobs.ts";
import { invariant } from "../src/core/errors.ts";

const root = resolve(import.meta.dirname, "..");
const kernelFolder = join(root, "src/backend/cpu/kernels/wasm/assemblyscript");
const output = join(root, "build/kernels.wasm");
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

function isUpToDate(): boolean {
  const inputs = readdirSync(kernelFolder).map((name) => join(kernelFolder, name));
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

function readSource(name: string, baseDir: string): string | null {
  const path = resolve(baseDir, name);
  if (relative(kernelFolder, path) === "job-fields.ts") return jobFieldsSource();
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

async function compile(): Promise<void> {
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
  mkdirSync(dirname(output), { recursive: true });
  // Written whole or not at all: another process may be reading the old one.
  const partial = `${output}.${process.pid}`;
  writeFileSync(partial, wasm);
  renameSync(partial, output);
}

if (!isUpToDate()) await compile();
