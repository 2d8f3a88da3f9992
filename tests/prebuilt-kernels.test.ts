/** @module The committed WebAssembly is what the compiler makes of the committed sources. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { compileKernels, prebuiltKernels } from "../scripts/build-kernels.ts";

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("the prebuilt kernels were compiled from these sources, to the byte", async () => {
  const prebuilt = prebuiltKernels();
  assert.ok(
    prebuilt !== null,
    "the sources have changed: run node scripts/build-kernels.ts and commit its result",
  );
  assert.equal(digest(prebuilt), digest(await compileKernels()));
});
