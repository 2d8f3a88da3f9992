/**
 * @module How long `pagoda up` takes for many instances, and what its supervisor costs while nothing happens.
 *
 *   node scripts/fleet-scale.ts [--instances N] [--idle SECONDS] [--profile FOLDER]
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { kib, mib } from "../src/core/byte-size.ts";
import { proportionalMemory } from "../src/process/process-memory.ts";

const { values } = parseArgs({
  options: {
    instances: { type: "string", default: "50" },
    idle: { type: "string", default: "60" },
    profile: { type: "string" },
  },
});
const numInstances = Number(values.instances);
const idleSeconds = Number(values.idle);
const pagoda = fileURLToPath(new URL("../bin/pagoda.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pagoda-fleet-scale-"));
/** Answers as llama-server does, and computes nothing: what is measured is the supervisor. */
const engine = `#!${process.execPath}
const answers = {
  "/health": { status: "ok" },
  "/props": { total_slots: 4, default_generation_settings: { n_ctx: 2048 } },
};
const server = require("node:http").createServer((request, answer) => {
  const known = answers[request.url];
  answer.writeHead(known === undefined ? 404 : 200, { "content-type": "application/json" });
  answer.end(JSON.stringify(known ?? {}));
});
server.listen(Number(process.argv[process.argv.indexOf("--port") + 1]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const program = join(folder, "scripted-engine.cjs");
writeFileSync(program, engine);
chmodSync(program, 0o755);
writeFileSync(join(folder, "model.gguf"), "");
const file = join(folder, "fleet.yaml");
writeFileSync(
  file,
  `name: scale
server: {port: 0}
models:
  scripted: {model: ./model.gguf, engine: llama-server, program: ${program}, memory: 64MiB, replicas: ${numInstances}}
`,
);
const environment = { ...process.env, XDG_STATE_HOME: join(folder, "state") };
const profiling = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];

/** Processor seconds of a process so far: user and system, of its threads too (proc(5), /proc/PID/stat). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * kib;
}

const startedMs = performance.now();
const supervisor = spawn(process.execPath, [...profiling, pagoda, "up", file, "--log-level", "silent"], {
  env: environment,
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  let output = "";
  const ready = Promise.withResolvers<void>();
  supervisor.stdout.on("data", (data) => {
    output += String(data);
    if (output.includes("Pagoda is ready at")) ready.resolve();
  });
  supervisor.once("exit", (code) => ready.reject(new Error(`pagoda up ended with exit code ${code}`)));
  await ready.promise;
  const readyMs = performance.now() - startedMs;
  const pid = supervisor.pid ?? 0;
  const startCpuSeconds = cpuSeconds(pid);
  await new Promise((wake) => setTimeout(wake, 5000));
  const beforeSeconds = cpuSeconds(pid);
  const beforeMs = performance.now();
  await new Promise((wake) => setTimeout(wake, 1000 * idleSeconds));
  const share = (1000 * (cpuSeconds(pid) - beforeSeconds)) / (performance.now() - beforeMs);
  console.log(
    `${numInstances} instances are ready after ${(readyMs / 1000).toFixed(2)} s (${startCpuSeconds.toFixed(2)} s of the supervisor's processor time)`,
  );
  console.log(
    `idle for ${idleSeconds} s: ${(100 * share).toFixed(2)} % of a core, ${Math.round(residentBytes(pid) / mib)} MiB resident, ${Math.round(proportionalMemory([pid]).heldBytes / mib)} MiB PSS`,
  );
  console.log(
    `${cpus().length} cores of ${cpus()[0]?.model}, load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}`,
  );
} finally {
  const stopped = new Promise((resolve) => supervisor.once("exit", resolve));
  const stoppingMs = performance.now();
  supervisor.kill("SIGTERM");
  await stopped;
  console.log(`stopped in ${((performance.now() - stoppingMs) / 1000).toFixed(2)} s`);
  rmSync(folder, { recursive: true, force: true });
}
