/** @module WebAssembly where machine code is declined or cannot be had, as a whole server shows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { whyNoLoader } from "../../src/backend/testing/index.ts";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import type { MemoryReport } from "../../src/core/memory-report.ts";

interface Fallback {
  readonly name: string;
  readonly flags?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** The line at start that says why. */
  readonly line: RegExp;
  /** Whether it is news to the user: what was asked for is not. */
  readonly reason?: RegExp;
}

const fallbacks: readonly Fallback[] = [
  { name: "--kernels wasm", flags: ["--kernels", "wasm"], line: /^kernels +wasm \(--kernels wasm\), / },
  {
    name: "PAGODA_KERNELS=wasm",
    variables: { PAGODA_KERNELS: "wasm" },
    line: /^kernels +wasm \(PAGODA_KERNELS=wasm\), /,
  },
  {
    name: "a Node without node:ffi",
    variables: { NODE_OPTIONS: "--no-experimental-ffi" },
    line: /^ +Node [\d.]+ has no node:ffi/,
    reason: /^Node [\d.]+ has no node:ffi/,
  },
];

for (const { name, flags = [], variables = {}, line, reason } of fallbacks)
  test(`${name}: served by WebAssembly; the start, /admin/memory and /metrics say so`, {
    skip: reason !== undefined && (whyNoLoader() ?? false),
  }, async (t) => {
    const args = ["serve", tinyModel, "--port", "0", "--threads", "1", ...flags];
    const pagoda = new PagodaProcess(t, args, variables);
    const url = await pagoda.ready();
    const lines = pagoda.stdout.split("\n");
    assert.equal(lines.filter((text) => line.test(text)).length, 1, pagoda.stdout);
    const memory = (await (await fetch(`${url}/admin/memory`)).json()) as MemoryReport;
    assert.equal(memory.kernels, "wasm");
    assert.equal(memory.selfTestMs, undefined);
    if (reason === undefined) assert.equal(memory.kernelsReason, undefined);
    else assert.match(memory.kernelsReason ?? "", reason);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /^pagoda:kernels_info\{.*kernels="wasm".*\} 1$/m);
    const body = JSON.stringify({ prompt: "a", max_tokens: 2, ignore_eos: true });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
    assert.equal(answer.status, 200, await answer.text());
    pagoda.child.kill("SIGTERM");
    assert.equal(await pagoda.exited, 0);
  });

test("machine code, where it runs, says how long it was tested", {
  skip: whyNoLoader() ?? false,
}, async (t) => {
  const pagoda = new PagodaProcess(t, ["serve", tinyModel, "--port", "0", "--threads", "1"]);
  const url = await pagoda.ready();
  const memory = (await (await fetch(`${url}/admin/memory`)).json()) as MemoryReport;
  if (memory.kernels === "wasm") {
    t.skip(memory.kernelsReason ?? "");
    return;
  }
  assert.ok((memory.selfTestMs ?? 0) > 0);
  assert.match(pagoda.stdout, /^kernels +machine-code-\S+ \(tested in \d+ ms\), /m);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
