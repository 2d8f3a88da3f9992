/** @module npm run build: kernels, then JavaScript and declarations of everything but tests into dist/. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program of node_modules or of ours; a failure ends the build with its exit code. */
function run(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(`${root}dist`, { recursive: true, force: true });
run(["scripts/build-kernels.ts"]);
run(["scripts/build-dashboard.ts"]);
run(["scripts/build-program.ts"]);
run(["node_modules/typescript/bin/tsc", "--project", "tsconfig.build.json"]);
for (const wanted of [
  "dist/cli/main.js",
  "dist/planner/index.d.ts",
  "build/kernels.wasm",
  "build/program/main.js",
  "build/dashboard/page.json",
])
  if (!existsSync(`${root}${wanted}`)) {
    console.log(`build: ${wanted} is missing`);
    process.exit(1);
  }
// What was built must start: a wrong import path in dist/ fails here and not at a user's.
run(["bin/pagoda.js", "--version"]);
run(["--input-type=module", "--eval", 'await import("./dist/cli/main.js")', "--", "--version"]);
console.log("build: dist/ is complete");
