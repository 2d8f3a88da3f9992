/**
 * Renders templates with our interpreter and with transformers' own environment, and says where they differ: every
 * template (`*.jinja`) of a folder over conversations of every kind, or random ones over values of every type.
 *
 *     node scripts/compare-chat-templates.ts FOLDER [--python PYTHON] [--verbose]
 *     node scripts/compare-chat-templates.ts --random 10000 --seed 1 [--python PYTHON] [--verbose]
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
import { type Conversation, conversations } from "./compare-chat-templates/conversations.ts";
import { RandomTemplates, randomVariables } from "./compare-chat-templates/random-templates.ts";

type Render = { readonly text: string } | { readonly error: string };

interface NamedTemplate {
  readonly name: string;
  readonly source: string;
}

const specialTokens = { bos_token: "<s>", eos_token: "</s>", pad_token: "<pad>", unk_token: "<unk>" };
const now = [2026, 3, 5, 14, 7, 9] as const;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string", default: "python3" },
    verbose: { type: "boolean", default: false },
    random: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const isRandom = options.random !== undefined;
const templates = isRandom ? randomTemplates(Number(options.random)) : templatesOf(positionals[0]);
const inputs: readonly Conversation[] = isRandom
  ? [{ name: "", variables: randomVariables }]
  : conversations.map(({ name, variables }) => ({
      name,
      variables: { ...specialTokens, tools: null, documents: null, ...variables },
    }));

const counts = { equal: 0, bothFail: 0, differ: 0, onlyWeFail: 0, onlyTheyFail: 0 };
const differing = new Set<string>();
for await (const [i, theirs] of referenceRenders()) {
  const template = templates[i];
  if (template === undefined) break;
  const ours = ownRenders(template.source);
  for (const [k, their] of theirs.entries()) report(template, inputs[k]?.name ?? "", ours[k], their);
}
const numRenders = Object.values(counts).reduce((sum, count) => sum + count, 0);
const numEqual = counts.equal + counts.bothFail;
console.log(`${templates.length} templates, ${templates.length - differing.size} without a difference`);
console.log(
  `${numRenders} renders, ${numEqual} equal (${((100 * numEqual) / numRenders).toFixed(2)} %)`,
  counts,
);
if (numEqual < numRenders) process.exitCode = 1;

function templatesOf(folder: string | undefined): readonly NamedTemplate[] {
  if (folder === undefined) throw new Error("The folder with the templates is missing.");
  const names = readdirSync(folder).filter((name) => name.endsWith(".jinja"));
  return names.sort().map((name) => ({ name, source: readFileSync(join(folder, name), "utf8") }));
}

function randomTemplates(numTemplates: number): readonly NamedTemplate[] {
  const seed = Number(options.seed);
  return Array.from({ length: numTemplates }, (_, i) => ({
    name: `seed ${seed + i}`,
    source: new RandomTemplates(seed + i).next(),
  }));
}

/** The reference's answers, in the order of the templates. */
async function* referenceRenders(): AsyncGenerator<readonly [index: number, renders: readonly Render[]]> {
  const script = join(import.meta.dirname, "compare-chat-templates", "reference.py");
  const child = spawn(options.python, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const variables = inputs.map((input) => input.variables);
  for (const { source } of templates)
    child.stdin.write(`${JSON.stringify({ template: source, variables, now })}\n`);
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
    return inputs.map(({ variables }) =>
      ownRender(() => template.render(variables, templateLimits, () => date)),
    );
  } catch (cause) {
    return inputs.map(() => ({ error: String(cause) }));
  }
}

function ownRender(render: () => string): Render {
  try {
    return { text: render() };
  } catch (cause) {
    return { error: String(cause) };
  }
}

function report(template: NamedTemplate, input: string, ours: Render | undefined, theirs: Render): void {
  const kind = kindOf(ours, theirs);
  counts[kind] += 1;
  if (kind === "equal" || kind === "bothFail") return;
  differing.add(template.name);
  console.log(`${kind}: ${template.name}: ${input}`);
  if (!options.verbose) return;
  if (isRandom) console.log("  source", JSON.stringify(template.source));
  console.log("  ours  ", JSON.stringify(ours), "\n  theirs", JSON.stringify(theirs));
}

function kindOf(ours: Render | undefined, theirs: Render): keyof typeof counts {
  if (ours === undefined || "error" in ours) return "error" in theirs ? "bothFail" : "onlyWeFail";
  if ("error" in theirs) return "onlyTheyFail";
  return ours.text === theirs.text ? "equal" : "differ";
}
