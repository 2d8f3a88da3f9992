/** What a browser loads for the page: all of it together stays small. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../build/dashboard/", import.meta.url);
const mostBytes = 150_000;

test("the page is at most 150 kB, gzipped, in all", {
  skip: existsSync(folder) ? false : "the page has not been built; npm run build",
}, (t) => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".gz"));
  const bytes = files.reduce((sum, name) => sum + statSync(new URL(name, folder)).size, 0);
  t.diagnostic(`${bytes} bytes in ${files.length} files`);
  assert.ok(files.length >= 3 && bytes <= mostBytes, `${bytes} bytes`);
});
