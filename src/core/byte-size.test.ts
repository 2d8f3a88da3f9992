import assert from "node:assert/strict";
import { test } from "node:test";
import { byteSizeArgument, formatBytes, parseByteSize } from "./byte-size.ts";
import { PagodaError } from "./errors.ts";

test("sizes are read as vLLM reads them", () => {
  const cases: Record<string, number> = {
    "2147483648": 2147483648,
    "2GiB": 2147483648,
    "2gib": 2147483648,
    "2GB": 2e9,
    "2gb": 2e9,
    "2g": 2e9,
    "2G": 2147483648,
    "700MiB": 734003200,
    "1.5k": 1500,
    "1.5K": 1536,
    "512 MiB": 536870912,
    "1t": 1e12,
    "10b": 10,
  };
  for (const [text, numBytes] of Object.entries(cases)) assert.equal(parseByteSize(text), numBytes, text);
});

test("what is no size is refused with an example", () => {
  for (const text of ["", "GiB", "-1", "0", "1e9", "2XB", "2 G B", "nan", "99999999999T"])
    assert.throws(
      () => parseByteSize(text),
      (error) =>
        error instanceof PagodaError && error.code === "invalid_option" && /2GiB/.test(error.hint ?? ""),
      text,
    );
});

test("sizes for people and for flags", () => {
  assert.equal(formatBytes(512), "512 B");
  assert.equal(formatBytes(1536), "1.5 KiB");
  assert.equal(formatBytes(734003200), "700.0 MiB");
  assert.equal(formatBytes(1610612736), "1.50 GiB");
  assert.equal(byteSizeArgument(734003201), "701MiB");
  assert.equal(parseByteSize(byteSizeArgument(734003200)), 734003200);
});
