import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { createAssembler } from "../assembler/assembler.ts";
import { at, low32, rax, rdi, xmm } from "../assembler/operands.ts";
import { elfImage } from "./elf-image.ts";
import { addressOf, openImage, publishImage, whyNoLoader } from "./loader.ts";

/** words[0] = value */
function storing(value: number): Uint8Array {
  const asm = createAssembler();
  asm.cvttsd2si(rdi, xmm(0));
  asm.mov(low32(rax), value);
  asm.store(at(rdi), low32(rax));
  asm.ret();
  return asm.finish();
}

describe("loading an image", { skip: whyNoLoader() ?? false }, () => {
  const words = new Int32Array(new SharedArrayBuffer(64));
  const address = Number(addressOf(words.buffer));

  test("each function of an image is called by its name", () => {
    const functions = [1, 2, 3].map((value) => ({ name: `store${value}`, code: storing(value) }));
    const open = openImage(publishImage(elfImage("pagoda-test-names", functions)));
    for (const value of [3, 1, 2]) {
      open(`store${value}`)(address);
      assert.equal(words[0], value);
    }
    assert.throws(() => open("store4"), /store4/);
  });

  test("a second image does not give the functions of the first", () => {
    const paths = [10, 20].map((value) =>
      publishImage(elfImage(`pagoda-test-${value}`, [{ name: "store", code: storing(value) }])),
    );
    assert.notEqual(paths[0], paths[1]);
    const entries = paths.map((path) => openImage(path)("store"));
    for (const [i, value] of [10, 20].entries()) {
      entries[i]?.(address);
      assert.equal(words[0], value);
    }
  });

  test("no memory of an image is writable and executable", () => {
    const maps = readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .filter((line) => line.includes("pagoda-kernels"));
    const rights = maps.map((line) => line.split(/\s+/)[1] ?? "");
    assert.ok(
      rights.some((right) => right.startsWith("r-x")),
      maps.join("\n"),
    );
    assert.deepEqual(
      rights.filter((right) => right.includes("w") && right.includes("x")),
      [],
    );
  });

  test("another thread opens the same path and works on the same memory", async () => {
    const path = publishImage(elfImage("pagoda-test-thread", [{ name: "store", code: storing(77) }]));
    const loader = JSON.stringify(new URL("./loader.ts", import.meta.url).href);
    const source = `
      const { workerData } = await import("node:worker_threads");
      const { addressOf, openImage } = await import(${loader});
      openImage(workerData.path)("store")(Number(addressOf(workerData.buffer)));`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const worker = new Worker(url, { workerData: { path, buffer: words.buffer } });
    await once(worker, "exit");
    assert.equal(words[0], 77);
  });
});
