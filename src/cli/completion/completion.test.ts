/** Each shell that is here reads its script and completes with it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { wordsOfOptions } from "../options/register-options.ts";
import { buildProgram } from "../program.ts";
import { bashCompletion } from "./bash.ts";
import { type CompletedCommand, commandTree, withInner } from "./command-tree.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

const program = buildProgram();
const tree = (): CompletedCommand => commandTree(program, wordsOfOptions());

/** Absent shells are skipped with a reason. */
function skipWithout(shell: string): string | false {
  return spawnSync(shell, ["-c", "true"]).status === 0 ? false : `${shell} is not installed`;
}

/** A folder with a `pagoda` that knows two models. */
function scene(t: TestContext, script: string) {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-completion-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "script"), script);
  writeFileSync(join(folder, "pagoda"), "#!/bin/sh\necho org/tiny\necho org/other\n");
  chmodSync(join(folder, "pagoda"), 0o755);
  writeFileSync(join(folder, "notes.txt"), "");
  return (shell: string, ...args: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(shell, args, {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, HOME: folder, PATH: `${folder}:${process.env.PATH ?? ""}` },
    });
    assert.equal(stderr.replaceAll(/.*compopt: .*\n/g, ""), "");
    return stdout;
  };
}

type Complete = (...words: readonly string[]) => string[];

/** What every shell must offer. */
function check(complete: Complete): void {
  assert.deepEqual(complete("ser"), ["serve"]);
  assert.deepEqual(complete("plan", "tr"), ["translate"]);
  assert.deepEqual(complete("completion", "z"), ["zsh"]);
  assert.deepEqual(complete("serve", "--kv-cache-dtype", "int8").slice(0, 1), ["int8"]);
  assert.deepEqual(complete("serve", "x.gguf", "--log-f"), ["--log-format"]);
  assert.deepEqual(complete("plan", "explain", "--gpu-m"), ["--gpu-memory"]);
  assert.deepEqual(complete("serve", "org/t"), ["org/tiny"]);
  assert.ok(complete("serve", "--api-key-file", "not").includes("notes.txt"));
}

test("the tree has every command once, and options with their words", () => {
  const paths = withInner(tree()).map(({ path }) => path);
  assert.equal(new Set(paths).size, paths.length);
  for (const path of ["pagoda serve", "pagoda plan compare", "pagoda models remove"])
    assert.ok(paths.includes(path));
  const serve = tree().commands.find(({ path }) => path === "pagoda serve");
  assert.deepEqual(serve?.options.find(({ flag }) => flag === "--quantization")?.value, {
    kind: "words",
    words: ["int8", "int4", "none"],
  });
  assert.equal(serve?.argument.kind, "models");
});

test("bash completes commands, options, words, models and files", { skip: skipWithout("bash") }, (t) => {
  const run = scene(t, bashCompletion(tree()));
  check((...words) => {
    const quoted = ["pagoda", ...words].map((word) => `'${word}'`).join(" ");
    const text = `source ./script; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _pagoda; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const found = run("bash", "-c", text).split("\n").filter(Boolean);
    // Where the function finds nothing, readline offers files.
    return found.length > 0 ? found : run("bash", "-c", `compgen -f -- '${words.at(-1)}'`).split("\n");
  });
});

test("fish completes commands, options, words, models and files", { skip: skipWithout("fish") }, (t) => {
  const run = scene(t, fishCompletion(tree()));
  check((...words) =>
    run("fish", "--no-config", "-c", `source ./script; complete -C 'pagoda ${words.join(" ")}'`)
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split("\t")[0] ?? ""),
  );
});

test("zsh reads its script, and each case of it offers what it should", { skip: skipWithout("zsh") }, (t) => {
  const run = scene(t, zshCompletion(tree()));
  check((...words) => {
    const [last = ""] = words.slice(-1);
    // zsh completes at a terminal alone: what the script would offer is printed, and matched as zsh does.
    const text = [
      "compdef() { }; _describe() { print -l -- ${${(P)2}%%:*} }; _files() { print -l -- * }",
      'compadd() { shift; print -l -- "$@" }',
      "source ./script",
      `words=(pagoda ${words.join(" ")}); CURRENT=${words.length + 1}; PREFIX='${last}'; _pagoda`,
    ].join("\n");
    return run("zsh", "-f", "-c", text)
      .split("\n")
      .filter((line) => line.startsWith(last) && line !== "");
  });
});
