/** @module A translated start for people: both footprints side by side, and what became of each flag. */
import { formatBytes } from "../../../core/byte-size.ts";
import { commandText, type Plan, type PlanComponent, type Translation } from "../../../planner/index.ts";
import { brokenForTerminal, drawBar, suggestionText } from "./plan-table.ts";

const shown: readonly PlanComponent["name"][] = [
  "runtime",
  "weights",
  "persistent",
  "tables",
  "other",
  "workspace",
  "activations",
  "graphs",
  "kvPool",
];

const labelWidth = 30;

/** Engines that name the same memory differently are both quoted. */
function rowOf(name: PlanComponent["name"], plans: readonly Plan[]): string | null {
  const parts = plans.map((plan) => plan.components.find((component) => component.name === name));
  const labels = new Set(parts.flatMap((part) => part?.label ?? []));
  if (labels.size === 0) return null;
  const label = name === "kvPool" ? "KV memory" : [...labels].join(" / ");
  const cells = parts.map((part) =>
    (part === undefined ? "-" : formatBytes(part.quantity.expectedBytes)).padStart(14),
  );
  return `  ${label.padEnd(labelWidth)}${cells.join("")}`;
}

/** The two footprints beside each other. */
function footprints({ from, to }: Translation): string[] {
  const plans = [from, to];
  const counts = (print: (plan: Plan) => string): string =>
    plans.map((plan) => print(plan).padStart(14)).join("");
  const whole = (value: number | undefined): string => Math.trunc(value ?? 0).toLocaleString("en-US");
  return [
    `  ${"".padEnd(labelWidth)}${counts(({ engine }) => engine)}`,
    ...shown.flatMap((name) => rowOf(name, plans) ?? []),
    `  ${"KV blocks".padEnd(labelWidth)}${counts(({ kv }) => whole(kv?.numBlocks.expected))}`,
    `  ${"KV tokens".padEnd(labelWidth)}${counts(({ kv }) => whole(kv?.numTokens.expected))}`,
    `  ${"verdict".padEnd(labelWidth)}${counts(({ verdict }) => verdict.kind)}`,
  ];
}

/** Lines of the whole answer, long ones broken for a terminal of `columns` (null: none is); no trailing newline. */
export function translationText(translation: Translation, columns: number | null = null): string {
  const { from, to, kept, dropped, notes, command } = translation;
  const lines = [
    `${from.model} on ${from.device}: ${from.rules} to ${to.rules}${to.device === from.device ? "" : ` on ${to.device}`}`,
    "",
    `  ${from.engine.padEnd(9)}${drawBar(from)}`,
    `  ${to.engine.padEnd(9)}${drawBar(to)}`,
    ...footprints(translation),
    "",
    ...kept.map(
      ({ from: here, to: there, remark }) =>
        `kept     ${here}  →  ${there}${remark === null ? "" : `  (${remark})`}`,
    ),
    ...dropped.map(({ flag, why }) => `dropped  ${flag}  (${why})`),
    ...[from, to].flatMap(({ engine, verdict }) =>
      verdict.kind === "fits" ? [] : [`${engine}: ${verdict.reason}`],
    ),
    ...to.verdict.suggestions.map((suggestion) => `would fit: ${suggestionText(suggestion)}`),
    ...notes.map((note) => `note: ${note}`),
    "",
  ];
  return [...brokenForTerminal(lines, columns), commandText(command)].join("\n");
}
