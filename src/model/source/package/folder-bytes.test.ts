/** @module Counting bytes in a folder that another program changes. */
import assert from "node:assert/strict";
import fs, { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { bytesBelow } from "./folder-bytes.ts";

/** `then` runs after every listing of `folder`, before anyone can look at what was listed. */
function afterEachListing(t: TestContext, folder: string, then: () => void): void {
  const list = fs.readdirSync;
  const listed = (path: fs.PathLike, ...rest: never[]): unknown => {
    const names = list(path, ...rest);
    if (path === folder) then();
    return names;
  };
  t.mock.method(fs, "readdirSync", listed as typeof fs.readdirSync);
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
}

test("a file that is removed while it is counted counts nothing", (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "kept", "below"), { recursive: true });
  writeFileSync(join(folder, "kept", "below", "file"), Buffer.alloc(1_000));
  mkdirSync(join(folder, "going", "deep"), { recursive: true });
  writeFileSync(join(folder, "going", "deep", "part"), "0123456789");
  writeFileSync(join(folder, "gone"), "0123456789");
  assert.equal(bytesBelow(folder), 1_020);
  let numRemovals = 0;
  afterEachListing(t, folder, () => {
    numRemovals++;
    rmSync(join(folder, "going"), { recursive: true });
    rmSync(join(folder, "gone"));
  });
  assert.equal(bytesBelow(folder), 1_000);
  assert.equal(numRemovals, 1);
});

test("a folder that cannot be listed counts nothing", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "file"), "0123456789");
  for (const code of ["EMFILE", "EACCES", "ENOTDIR"]) {
    afterEachListing(t, folder, () => {
      throw Object.assign(new TypeError(code), { code });
    });
    assert.equal(bytesBelow(folder), 0, code);
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.equal(bytesBelow(folder), 10);
  assert.equal(bytesBelow(join(folder, "file", "below")), 0);
  assert.equal(bytesBelow(join(folder, "there is no such folder")), 0);
});
