/**
 * Renders every template of a folder (`*.jinja`) over conversations of every kind, with our interpreter and with
 * transformers' own environment, and says where they differ:
 *
 *     node scripts/compare-chat-templates.ts FOLDER [--python PYTHON] [--verbose]
 *
 * PYTHON is an interpreter that has transformers and jinja2. Ends with 1 where a text differs or only one side fails.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { templateLimits } from "../src/model/chat-template/chat-template.ts";
import { JinjaTemplate } from "../src/model/chat-template/jinja/template.ts";
import { conversations } from "./compare-chat-templates/conversations.ts";

type Render = { readonly text: string } | { readonly error: string };

const specialTokens = { bos_token: "<s>", eos_token: "</s>", pad_token: "<pad>", unk_token: "<unk>" };
const now = [2026, 3, 5, 14, 7, 9] as const;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string", default: "python3" }, verbose: { type: "boolean", default: false } },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("The folder with the templates is missing.");

const variables = conversations.map((conversation) => ({
  ...specialTokens,
  tools: null,
  documents: null,
  ...conversation.variables,
}));
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".jinja"))
  .sort();
const sources = names.map((name) => readFileSync(join(folder, name), "utf8"));
const counts = { equal: 0, bothFail: 0, differ: 0, onlyWeFail: 0, onlyTheyFail: 0 };
const wholeTemplates = new Set(names);

for await (const [i, theirs] of referenceRenders(sources)) {
  const name = names[i] ?? "";
  const ours = ownRenders(sources[i] ?? "");
  for (const [k, their] of theirs.entries()) report(name, conversations[k]?.name ?? "", ours[k], their);
}
const numRenders = Object.values(counts).reduce((sum, count) => sum + count, 0);
const numEqual = counts.equal + counts.bothFail;
console.log(`${names.length} templates, ${wholeTemplates.size} with every conversation equal`);
console.log(
  `${numRenders} renders, ${numEqual} equal (${((100 * numEqual) / numRenders).toFixed(2)} %)`,
  counts,
);
if (numEqual < numRenders) process.exitCode = 1;

/** The reference's answers, in the order of the templates. */
async function* referenceRenders(
  templates: readonly string[],
): AsyncGenerator<readonly [index: number, renders: readonly Render[]]> {
  const script = join(import.meta.dirname, "compare-chat-templates", "reference.py");
  const child = spawn(options.python, [script], { stdio: ["pipe", "pipe", "inherit"] });
  for (const template of templates) child.stdin.write(`${JSON.stringify({ template, variables, now })}\n`);
  child.stdin.end();
  let index = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    yield [index, JSON.parse(line) as readonly Render[]];
    index += 1;
  }
}

function ownRenders(source: string): readonly Render[] {
  const [year, month, ...rest] = now;
  const date = new Date(year, month - 1, ...rest);
  try {
    const template = new JinjaTemplate(source);
    return variables.map((values) => ownRender(() => template.render(values, templateLimits, () => date)));
  } catch (cause) {
    return variables.map(() => ({ error: String(cause) }));
  }
}

function ownRender(render: () => string): Render {
  try {
    return { text: render() };
  } catch (cause) {
    return { error: String(cause) };
  }
}

function report(template: string, conversation: string, ours: Render | undefined, theirs: Render): void {
  const kind = kindOf(ours, theirs);
  counts[kind] += 1;
  if (kind === "equal" || kind === "bothFail") return;
  wholeTemplates.delete(template);
  console.log(`${kind}: ${template}: ${conversation}`);
  if (options.verbose) console.log("  ours  ", JSON.stringify(ours), "\n  theirs", JSON.stringify(theirs));
}

function kindOf(ours: Render | undefined, theirs: Render): keyof typeof counts {
  if (ours === undefined || "error" in ours) return "error" in theirs ? "bothFail" : "onlyWeFail";
  if ("error" in theirs) return "onlyTheyFail";
  return ours.text === theirs.text ? "equal" : "differ";
}
