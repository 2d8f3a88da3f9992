/**
 * Runs MaskBench: ten thousand real JSON Schemas with instances that are valid or not. Prints how many schemas are compiled,
 * how many of their instances are judged rightly, and which keywords the others have, as tables for docs/structured-output.md.
 *
 *     node scripts/maskbench.ts FOLDER
 *
 * FOLDER is `maskbench/data` of github.com/guidance-ai/jsonschemabench.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GrammarFault, type Recognizer, RuleCompiler } from "../src/grammar/index.ts";

interface Sample {
  readonly meta?: { readonly features?: readonly string[] };
  readonly schema: unknown;
  readonly tests?: readonly { readonly valid: boolean; readonly data: unknown }[];
}

/** As of a request: docs/structured-output.md. */
const limitMs = 2000;
const capacityBytes = 64 * 2 ** 20;

type Outcome = "passing" | "compile error" | "validation error" | "invalidation error";
interface Counted {
  numSchemas: number;
  readonly outcomes: Record<Outcome, number>;
}

const [, , folder = "."] = process.argv;
const compiler = new RuleCompiler({ capacityBytes, limitMs });
const all = newCount();
const byFeature = new Map<string, Counted>();
const faults = new Map<string, number>();
const compileMs: number[] = [];

for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  const sample = JSON.parse(readFileSync(join(folder, file), "utf8")) as Sample;
  const outcome = await outcomeOf(sample);
  count(all, outcome);
  for (const feature of new Set(sample.meta?.features ?? [])) {
    const counted = byFeature.get(feature) ?? newCount();
    byFeature.set(feature, counted);
    count(counted, outcome);
  }
  if (process.env["VERBOSE"] !== undefined && outcome.includes("validation")) console.error(outcome, file);
}
await compiler.close();
report();

async function outcomeOf({ schema, tests = [] }: Sample): Promise<Outcome> {
  const start = performance.now();
  let recognizer: Recognizer;
  try {
    compiler.enforce();
    recognizer = await compiler.compile({ kind: "json-schema", schema }, null);
  } catch (thrown) {
    if (!(thrown instanceof GrammarFault)) throw thrown;
    const kind = thrown.message.replace(/'[^']*'|"[^"]*"|\d+/g, "…");
    faults.set(kind, (faults.get(kind) ?? 0) + 1);
    return "compile error";
  }
  compileMs.push(performance.now() - start);
  for (const { valid, data } of tests) {
    const accepted = isAccepted(recognizer, serialized(data));
    if (accepted !== valid) return valid ? "validation error" : "invalidation error";
  }
  return "passing";
}

function isAccepted(recognizer: Recognizer, text: string): boolean {
  try {
    return recognizer.advance(recognizer.start(), Buffer.from(text))?.isAccepting === true;
  } catch (thrown) {
    if (thrown instanceof GrammarFault) return false;
    throw thrown;
  }
}

/** As Python's json.dumps writes it, which made the benchmark's texts. */
function serialized(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(serialized).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${serialized(inner)}`)
    .join(", ")}}`;
}

function newCount(): Counted {
  return {
    numSchemas: 0,
    outcomes: { passing: 0, "compile error": 0, "validation error": 0, "invalidation error": 0 },
  };
}

function count(counted: Counted, outcome: Outcome): void {
  counted.numSchemas++;
  counted.outcomes[outcome]++;
}

function report(): void {
  compileMs.sort((a, b) => a - b);
  const quantile = (share: number): string =>
    (compileMs[Math.floor(share * (compileMs.length - 1))] ?? Number.NaN).toFixed(1);
  console.log(`schemas ${all.numSchemas}`);
  for (const [name, number] of Object.entries(all.outcomes)) console.log(`${name} ${number}`);
  console.log(
    `compile ms: p50 ${quantile(0.5)}, p95 ${quantile(0.95)}, p99 ${quantile(0.99)}, max ${quantile(1)}`,
  );
  console.log(
    "\n| keyword | schemas | passing | refused | valid refused | invalid accepted |\n|---|---|---|---|---|---|",
  );
  for (const [name, { numSchemas, outcomes }] of [...byFeature].sort(
    (a, b) => b[1].numSchemas - a[1].numSchemas,
  ))
    console.log(
      `| \`${name}\` | ${numSchemas} | ${outcomes.passing} | ${outcomes["compile error"]} | ${outcomes["validation error"]} | ${outcomes["invalidation error"]} |`,
    );
  console.log();
  for (const [kind, number] of [...faults].sort((a, b) => b[1] - a[1]).slice(0, 40))
    console.log(`${number} × ${kind}`);
}
