import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../model/testing/temporary-folder.ts";
import { PagodaProcess, tinyModel } from "../testing/pagoda-process.ts";

const template = "{% for message in messages %}[{{ message.role }}] {{ message.content }} {% endfor %}";

/** Types the lines into `pagoda chat`, piped, and returns what it says once it has left. */
async function chatWith(t: TestContext, lines: readonly string[]) {
  const folder = temporaryFolder(t);
  cpSync(tinyModel, folder, { recursive: true });
  writeFileSync(join(folder, "chat_template.jinja"), template);
  const fixed = ["--backend", "reference", "--temperature", "0", "--max-tokens", "4"];
  const pagoda = new PagodaProcess(t, ["chat", folder, ...fixed]);
  pagoda.child.stdin.end(`${lines.join("\n")}\n`);
  return { code: await pagoda.exited, stdout: pagoda.stdout, stderr: pagoda.stderr };
}

test("each line is a question; the answer to the same question in a longer conversation is another", async (t) => {
  const once = await chatWith(t, ["ab", "/exit", "never asked"]);
  assert.equal(once.code, 0, once.stderr);
  const [answer = ""] = once.stdout.split("\n");
  assert.notEqual(answer, "");
  const more = await chatWith(t, ["ab", "ab", "/clear", "ab"]);
  assert.equal(more.code, 0, more.stderr);
  // Greedy: what is asked first is answered alike, also after everything is forgotten.
  assert.ok(more.stdout.startsWith(`${answer}\n`), more.stdout);
  assert.ok(more.stdout.endsWith(`The conversation is forgotten.\n${answer}\n`), more.stdout);
});

test("a conversation that is too long is told, and goes on without the last question", async (t) => {
  const { code, stdout, stderr } = await chatWith(t, ["a".repeat(3000), "ab"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /pagoda: .*tokens.* \/clear begins a new conversation\.\n/);
  const alone = await chatWith(t, ["ab"]);
  assert.equal(stdout, alone.stdout);
});

test("a model without a chat template cannot chat", async (t) => {
  const pagoda = new PagodaProcess(t, ["chat", tinyModel, "--backend", "reference"]);
  assert.equal(await pagoda.exited, 1);
  assert.match(pagoda.stderr, /^pagoda: The model llama-gqa-rope-scaled has no chat template.*pagoda run/);
});
