/** Commands as people publish them: what each starts, and that printing and reading it again changes nothing. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandText, type FlagValue, parseStartCommand } from "../src/planner/index.ts";

const file = join(import.meta.dirname, "fixtures/planner/real-commands.txt");
const blocks = readFileSync(file, "utf8")
  .split("\n\n")
  .slice(1)
  .map((block) => block.trim().split("\n"));

const isExpectation = (line: string): boolean => /^[=+!] /.test(line);
const text = (value: FlagValue | undefined): string | undefined =>
  value === true ? "on" : value === undefined ? undefined : [value].flat().join(" ");

test("the file has more than thirty commands", () => assert.ok(blocks.length > 30, `${blocks.length}`));

for (const lines of blocks) {
  const command = lines.filter((line) => !isExpectation(line)).join("\n");
  const expected = lines.filter(isExpectation);
  const [refusal] = expected.filter((line) => line.startsWith("! "));
  test(command.slice(0, 100).replaceAll("\n", " "), () => {
    if (refusal !== undefined) {
      assert.throws(() => parseStartCommand(command), {
        code: "plan_invalid",
        message: `${refusal.slice(2)}.`,
      });
      return;
    }
    const start = parseStartCommand(command);
    assert.equal(`= ${start.engine} | ${start.version ?? "-"} | ${start.model}`, expected[0]);
    for (const line of expected.slice(1)) {
      const [, name = "", value = ""] = /^\+ (\S+) (.*)$/.exec(line) ?? [];
      assert.equal(text(start.flags[name]), value, name);
    }
    const words = Object.entries(start.flags).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, ...[value].flat()],
    );
    const prefix = start.engine === "vllm" ? ["vllm", "serve"] : ["lmdeploy", "serve", "api_server"];
    const again = parseStartCommand(commandText([...prefix, start.model, ...words]));
    assert.deepEqual(again.flags, start.flags);
    assert.equal(again.model, start.model);
  });
}
