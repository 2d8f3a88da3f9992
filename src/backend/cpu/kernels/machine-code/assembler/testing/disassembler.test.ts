import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { whyNoDisassembler } from "./disassembler.ts";

test("the reason tells whether objdump is missing or too old", (t) => {
  assert.equal(whyNoDisassembler("/nowhere/objdump"), "no objdump");
  const folder = mkdtempSync(join(tmpdir(), "pagoda-objdump-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const old = join(folder, "objdump");
  writeFileSync(old, "#!/bin/sh\nprintf '   0:\\t(bad)\\n'\n", { mode: 0o755 });
  assert.match(whyNoDisassembler(old) ?? "", /^objdump does not know AVX-VNNI/);
});
