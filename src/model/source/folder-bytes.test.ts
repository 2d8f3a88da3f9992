/** @module Counting bytes in a folder that another program changes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bytesBelow } from "./folder-bytes.ts";

/** Makes and removes folders with a file in them, as a downloading pip does, until it is ended or 20 s have passed. */
const churn = `
  const { mkdirSync, rmSync, writeFileSync } = require("node:fs");
  const end = Date.now() + 20_000;
  process.stdout.write("ready");
  for (let round = 0; Date.now() < end; round++) {
    const folder = process.argv[1] + "/build-" + (round % 3);
    mkdirSync(folder + "/deep/deeper", { recursive: true });
    writeFileSync(folder + "/deep/part", "0123456789");
    rmSync(folder, { recursive: true });
  }`;

test("what is removed while it is counted is no error, and counts nothing", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-bytes-"));
  mkdirSync(join(folder, "kept", "below"), { recursive: true });
  writeFileSync(join(folder, "kept", "below", "file"), Buffer.alloc(1_000));
  const child = spawn(process.execPath, ["-e", churn, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const isOver = once(child, "exit");
  context.after(async () => {
    child.kill("SIGKILL");
    await isOver;
    rmSync(folder, { recursive: true });
  });
  await once(child.stdout, "data");
  for (let count = 0; count < 3_000; count++) {
    const totalBytes = bytesBelow(folder);
    assert.ok(totalBytes >= 1_000 && totalBytes <= 1_030, `${totalBytes} bytes`);
  }
});

test("a folder that is not there holds nothing", () => {
  assert.equal(bytesBelow(join(tmpdir(), "pagoda-there-is-no-such-folder")), 0);
});
