/** @module A plan for people: the table, the bar drawing of the card, and what to change. */
import { formatBytes } from "../../../core/byte-size.ts";
import {
  type CountRange,
  commandText,
  type Plan,
  type PlanComponent,
  type Quantity,
  rulesOf,
  type Suggestion,
} from "../../../planner/index.ts";
import { brokenLines } from "../text-columns.ts";

const barWidth = 60;
const barLetters: Readonly<Record<PlanComponent["name"], string>> = {
  runtime: "c",
  weights: "W",
  persistent: "p",
  workspace: "w",
  activations: "A",
  graphs: "g",
  state: "S",
  kvPool: "K",
  tables: "t",
  other: "o",
  free: "·",
};

function range(quantity: Quantity): string {
  const { lowBytes, expectedBytes, highBytes, evidence } = quantity;
  const text = formatBytes(expectedBytes);
  return evidence.kind === "exact" || lowBytes === highBytes
    ? text
    : `${text}  (${formatBytes(lowBytes)} to ${formatBytes(highBytes)})`;
}

const whole = (value: number): string => Math.trunc(value).toLocaleString("en-US");

function countText({ low, expected, high }: CountRange, print: (value: number) => string): string {
  return low === high ? print(expected) : `${print(expected)}  (${print(low)} to ${print(high)})`;
}

/** One letter for each sixtieth of the card. */
export function drawBar(plan: Plan): string {
  const total = plan.total.expectedBytes;
  let bar = "";
  let filled = 0;
  for (const { name, quantity } of plan.components) {
    filled += Math.max(0, quantity.expectedBytes);
    const end = Math.min(barWidth * 2, Math.round((filled / total) * barWidth));
    bar += barLetters[name].repeat(Math.max(0, end - bar.length));
  }
  const inside = bar.slice(0, barWidth).padEnd(barWidth, barLetters.free);
  const over = bar.length > barWidth ? ` ${bar.slice(barWidth)} does not fit` : "";
  return `[${inside}]${over}`;
}

function componentLines(plan: Plan): string[] {
  const width = Math.max(...plan.components.map(({ label }) => label.length));
  return plan.components.map(
    ({ name, label, quantity }) =>
      `  ${barLetters[name]} ${label.padEnd(width)}  ${range(quantity).padEnd(40)}  ${quantity.evidence.kind}: ${quantity.evidence.why}`,
  );
}

function kvLines({ kv }: Plan): string[] {
  if (kv === null) return [];
  return [
    `  block         ${kv.blockSize} tokens, ${formatBytes(kv.bytesPerBlock)} (${whole(kv.bytesPerToken)} bytes a token, ${kv.dtype})`,
    `  blocks        ${countText(kv.numBlocks, whole)}`,
    `  tokens        ${countText(kv.numTokens, whole)}`,
    `  at once       ${countText(kv.concurrency, (value) => value.toFixed(2))} requests of ${whole(kv.maxModelLen)} tokens`,
  ];
}

const verdictWords = {
  fits: "FITS",
  refused: "REFUSED",
  dies: "OUT OF MEMORY",
  uncertain: "UNCERTAIN",
} as const;

/** What to write in the place of the model, or behind it, and why. */
export function suggestionText({ flags, model, why }: Suggestion): string {
  const words = model === undefined ? flags : [model, ...flags];
  return `${words.join(" ")}  (${why})`;
}

function verdictLines({ verdict }: Plan): string[] {
  const lines = [`${verdictWords[verdict.kind]}: ${verdict.reason}`];
  if (verdict.engineMessage !== null) lines.push(`  the engine says: ${verdict.engineMessage}`);
  for (const suggestion of verdict.suggestions) lines.push(`  would fit: ${suggestionText(suggestion)}`);
  return lines;
}

/** Nothing for a start that logs no figures: one that is refused. */
function expectedLines({ expectedLog }: Plan): string[] {
  if (expectedLog.length === 0) return [];
  return ["the engine's own lines, to compare:", ...expectedLog.map((line) => `  ${line}`), ""];
}

/** Lines of a text for people, broken where a terminal of `columns` needs it (null: none is). */
export function brokenForTerminal(lines: readonly string[], columns: number | null): string[] {
  return lines.flatMap((line) => {
    const indent = " ".repeat(line.search(/\S|$/) + continuationIndent);
    return brokenLines(line, indent, columns);
  });
}

const continuationIndent = 4;

/** Lines of the whole table; the command stays in one, so that it can be copied. No trailing newline. */
export function planTable(plan: Plan, columns: number | null = null): string {
  const isMachine = rulesOf(plan.engine).runsOn !== "cards" && /\bmachine\b/.test(plan.device);
  const cards = plan.numDevices === 1 ? plan.device : `${plan.numDevices} × ${plan.device}`;
  const cap =
    plan.budgetBytes === null ? "no cap on the whole instance" : `cap ${formatBytes(plan.budgetBytes)}`;
  const settings = Object.entries(plan.settings).map(
    ([name, { value, from }]) => `${name} ${value} (${from})`,
  );
  const lines = [
    `${plan.model} (${(plan.numParameters / 1e9).toFixed(2)} B parameters) on ${cards}, ${plan.rules}`,
    `${range(plan.total)} ${isMachine ? "of memory" : "visible on each card"}, ${cap}`,
    "",
    drawBar(plan),
    ...componentLines(plan),
    "",
    ...kvLines(plan),
    "",
    ...verdictLines(plan),
    "",
    ...expectedLines(plan),
    `settings: ${settings.join(", ")}`,
    `host: ${formatBytes(plan.host.memoryBytes)} of memory, ${formatBytes(plan.host.diskBytes)} of disk (${plan.host.why})`,
    ...plan.assumed.map((text) => `assumed: ${text}`),
    ...plan.warnings.map((text) => `note: ${text}`),
    "",
  ];
  return [...brokenForTerminal(lines, columns), commandText(plan.command)].join("\n");
}
