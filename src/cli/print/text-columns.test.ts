import assert from "node:assert/strict";
import { test } from "node:test";
import { alignColumns, brokenLines, labelledLines } from "./text-columns.ts";

test("numbers are flush right, names and remarks flush left", () => {
  const rows = [
    ["", "planned", ""],
    ["weights", "9 MiB", "exact"],
  ];
  assert.deepEqual(alignColumns(rows), ["         planned", "weights    9 MiB  exact"]);
});

test("a long text goes on under its own beginning", () => {
  const lines = labelledLines(
    [
      ["cap", "none"],
      ["sampling", "temperature 0.8, top-k 40 (the model states none)"],
    ],
    36,
  );
  assert.deepEqual(lines, [
    "cap       none",
    "sampling  temperature 0.8, top-k 40",
    "          (the model states none)",
  ]);
});

test("no line is longer than the terminal but for a word that is; no word is lost", () => {
  const text = "one twenty three hundredandmore words of several lengths and a/very/long/path/of/a/file";
  for (let columns = 12; columns < 90; columns++) {
    const lines = brokenLines(text, "  ", columns);
    assert.equal(lines.map((line) => line.trim()).join(" "), text);
    for (const line of lines) assert.ok(line.length <= columns || !line.trim().includes(" "), line);
  }
  assert.deepEqual(brokenLines(text, "  ", null), [text]);
});

test("a terminal without a size gets whole lines, and one that is narrower than the indent loses no word", () => {
  const rows = [["device", "23.54 GiB in all"] as const];
  assert.deepEqual(labelledLines(rows, 0), ["device  23.54 GiB in all"]);
  for (let columns = 1; columns < 12; columns++) {
    const words = labelledLines(rows, columns).flatMap((line) => line.trim().split(/ +/));
    assert.deepEqual(words, ["device", "23.54", "GiB", "in", "all"], `${columns} columns`);
  }
});
