/**
 * @module Asks a llama-server for the sizes of its buffers: `node scripts/llama-server-buffers.ts PATH/llama-server FILE.json`
 * makes small models of several architectures, starts each with several sets of options on the processors, and writes what
 * was printed. `tests/planner-llama-server.test.ts` replays the file.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeZeros } from "./llama-server-buffers/gguf-writer.ts";
import { type ModelShape, shapes } from "./llama-server-buffers/shapes.ts";

const optionSets: readonly string[] = [
  "-c 4096",
  "-c 8192 -np 2",
  "-c 16384 -np 4 --kv-unified",
  "-c 6000 -np 3 -ub 256 -b 512",
  "-c 8192 -ctk q8_0 -ctv q8_0",
  "-c 4096 -np 1 -fa off",
  "-c 8192 -np 2 -fa off -ctk q8_0",
  "-c 0 -np 1 -ub 1024",
  "-c 8192 -np 2 --swa-full",
  "-c 512 -np 1 --no-repack",
];

/** MiB by the name of the line. */
interface Printed {
  readonly model: number;
  readonly output: number;
  readonly kv: number;
  readonly state: number;
  readonly compute: number;
}

function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    server.close(() => resolve(port));
  });
  return promise;
}

/** Sum of all figures of lines of one kind. */
function summed(output: string, line: RegExp): number {
  return [...output.matchAll(line)].reduce((total, match) => total + Number(match[1]), 0);
}

function read(output: string): Printed {
  return {
    model: summed(output, /model buffer size =\s*([\d.]+) MiB/g),
    output: summed(output, /output buffer size =\s*([\d.]+) MiB/g),
    kv: summed(output, /KV buffer size =\s*([\d.]+) MiB/g),
    state: summed(output, /RS buffer size =\s*([\d.]+) MiB/g),
    compute: summed(output, /compute buffer size =\s*([\d.]+) MiB/g),
  };
}

async function start(program: string, model: string, options: string): Promise<Printed | null> {
  const port = String(await freePort());
  const words = [
    "-m",
    model,
    ...options.split(" "),
    "--port",
    port,
    "-lv",
    "4",
    "-fit",
    "off",
    "--no-warmup",
  ];
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const { promise, resolve } = Promise.withResolvers<Printed | null>();
  const listen = (chunk: Buffer): void => {
    output += chunk.toString();
    if (/server is listening|listening on http/.test(output)) child.kill("SIGKILL");
  };
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  child.on("exit", () => {
    const printed = read(output);
    if (printed.compute === 0) process.stderr.write(`${model} ${options}\n${output.slice(-2000)}\n`);
    resolve(printed.compute === 0 ? null : printed);
  });
  return promise;
}

async function casesOf(program: string, folder: string, shape: ModelShape) {
  const path = join(folder, `${shape.name}.gguf`);
  writeZeros(path, shape);
  const cases = [];
  for (const options of optionSets) {
    const printed = await start(program, path, options);
    process.stderr.write(`${shape.name} ${options}: ${JSON.stringify(printed)}\n`);
    if (printed !== null) cases.push({ model: shape.name, options, printed });
  }
  return cases;
}

const [program, target] = process.argv.slice(2);
if (program === undefined || target === undefined)
  throw new Error("Usage: llama-server-buffers.ts PATH/llama-server FILE.json");
const folder = mkdtempSync(join(tmpdir(), "pagoda-llama-server-"));
try {
  const cases = [];
  for (const shape of shapes) cases.push(...(await casesOf(program, folder, shape)));
  writeFileSync(target, `${JSON.stringify({ models: shapes, cases })}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
