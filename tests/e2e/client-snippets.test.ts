/** @module The examples of docs/clients.md and of the README, run as they stand against a real server. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { temporaryFolder } from "../../src/model/testing/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const documented = "http://127.0.0.1:8000";
/** Blocks that install or start something are tried elsewhere: here they would change the checkout. */
const startsServers = /^\s*(npm|npx|node|docker|git|pip|sudo)\b/m;
let url: string;

interface Snippet {
  readonly from: string;
  readonly language: string;
  readonly code: string;
}

/** Fenced code of a document that calls the documented address. */
function snippetsOf(document: string): readonly Snippet[] {
  const text = readFileSync(join(root, document), "utf8");
  return [...text.matchAll(/^```(sh|js|python)\n([\s\S]*?)^```$/gm)]
    .map(([, language = "", code = ""], i) => ({ from: `${document} (${i + 1})`, language, code }))
    .filter(({ code }) => code.includes(documented) && !startsServers.test(code));
}

const programs: Readonly<Record<string, readonly [string, ...string[]]>> = {
  sh: ["sh", "-ec"],
  js: [process.execPath, "--input-type=module", "--eval"],
  python: ["python3", "-c"],
};

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In the repository's folder, so that packages are found. code null: the program is not installed. */
function run([program, ...args]: readonly [string, ...string[]], last: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args, last], { cwd: root });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (data) => {
      output.stdout += String(data);
    });
    child.stderr.on("data", (data) => {
      output.stderr += String(data);
    });
    child.once("error", () => resolve({ code: null, ...output }));
    child.once("close", (code) => resolve({ code, ...output }));
  });
}

const folder = temporaryFolder({ after: (action) => after(async () => action()) });
cpSync(tinyModel, folder, { recursive: true });
const template = "{% for message in messages %}{{ message.content }} {% endfor %}";
writeFileSync(join(folder, "chat_template.jinja"), template);
const pagoda = new PagodaProcess({ after }, ["serve", folder, "--backend", "reference", "--port", "0"]);

before(async () => {
  url = await pagoda.ready();
});

const snippets = [...snippetsOf("docs/clients.md"), ...snippetsOf("README.md")];

test("there are examples of every language", () => {
  assert.deepEqual(new Set(snippets.map(({ language }) => language)), new Set(["sh", "js", "python"]));
});

for (const { from, language, code } of snippets)
  test(`${from}, ${language}`, async (t) => {
    const ended = await run(programs[language] ?? ["false"], code.replaceAll(documented, url));
    const isMissing = ended.code === null || /No module named 'openai'|not found/.test(ended.stderr);
    if (isMissing) return t.skip(`not installed: ${ended.stderr.trim().split("\n").at(-1)}`);
    assert.equal(ended.code, 0, ended.stderr);
    assert.doesNotMatch(ended.stdout, /"error"/);
    assert.ok(ended.stdout.trim().length > 0 || language !== "sh", "an answer");
    return undefined;
  });
