import assert from "node:assert/strict";
import { test } from "node:test";
import { buildProgram } from "./program.ts";
import { folderOfThePerson } from "./working-folder.ts";

/** Whole help of a command, examples included, as a terminal of this width shows it. */
function helpAt(columns: number, name: string | null): string {
  const program = buildProgram();
  const command = name === null ? program : program.commands.find((each) => each.name() === name);
  assert.ok(command !== undefined);
  let text = "";
  const output = {
    writeOut: (piece: string) => {
      text += piece;
    },
    getOutHelpWidth: () => columns,
  };
  command.configureOutput(output).outputHelp();
  return text;
}

test("help fits terminals of 80 and of 60 columns", () => {
  for (const name of [null, "serve", "run", "chat", "bench", "set", "tune", "simulate"])
    for (const columns of [60, 80])
      for (const line of helpAt(columns, name).split("\n"))
        assert.ok(line.length <= columns, `${name} at ${columns}: ${line}`);
});

test("only our own scripts look where npm was called", () => {
  const npm = { npm_package_name: "pagoda", npm_lifecycle_event: "start", INIT_CWD: "/home/me" };
  assert.equal(folderOfThePerson(npm), "/home/me");
  assert.equal(folderOfThePerson({ ...npm, npm_package_name: "mine" }), null);
  assert.equal(folderOfThePerson({ ...npm, npm_lifecycle_event: "test" }), null);
  assert.equal(folderOfThePerson({ INIT_CWD: "/home/me" }), null);
});
