import assert from "node:assert/strict";
import { test } from "node:test";
import { jobLayouts } from "../jobs.ts";
import { readKernelModule } from "./kernel-module.ts";

const module = new WebAssembly.Module(readKernelModule());

test("the module exports one function per job, and nothing else that can be called", () => {
  const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === "function");
  assert.deepEqual(functions.map(({ name }) => name).toSorted(), Object.keys(jobLayouts).toSorted());
});

test("it imports nothing but its arena and writes no byte of it when it is made", () => {
  assert.deepEqual(WebAssembly.Module.imports(module), [{ module: "env", name: "memory", kind: "memory" }]);
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  const bytes = new Uint8Array(memory.buffer).fill(0x5a);
  new WebAssembly.Instance(module, { env: { memory } });
  assert.ok(bytes.every((byte) => byte === 0x5a));
});
