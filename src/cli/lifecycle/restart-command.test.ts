import assert from "node:assert/strict";
import { test } from "node:test";
import { restartCommand } from "./restart-command.ts";

const spellings = ["--max-num-seqs", "--max-batch-size"];

test("a flag that was stated is replaced, in any spelling, and one that was not is added", () => {
  const cases: [string[], string][] = [
    [["serve"], "pagoda serve --max-num-seqs 64"],
    [
      ["serve", "m.gguf", "--max-num-seqs", "32", "--port", "1"],
      "pagoda serve m.gguf --port 1 --max-num-seqs 64",
    ],
    [["serve", "--max-batch-size=32"], "pagoda serve --max-num-seqs 64"],
    [["serve", "my model.gguf"], "pagoda serve 'my model.gguf' --max-num-seqs 64"],
  ];
  for (const [args, expected] of cases) assert.equal(restartCommand(args, spellings, "64"), expected);
});
