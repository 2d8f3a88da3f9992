/** @module An explanation for people. */
import { formatBytes } from "../../../core/byte-size.ts";
import type { ExplainedComponent, Explanation } from "../../../planner/index.ts";
import { suggestionText } from "./plan-table.ts";

const outcomes: Readonly<Record<Explanation["outcome"], string>> = {
  started: "STARTED",
  refused: "REFUSED by the engine",
  died: "OUT OF MEMORY",
  unknown: "the log ends before the outcome",
};

function componentLine(part: ExplainedComponent, width: number): string {
  const { label, logged, planned } = part;
  const cells = [
    label.padEnd(width),
    (logged === null ? "not stated" : formatBytes(logged.expectedBytes)).padStart(12),
    (planned === null ? "" : formatBytes(planned.expectedBytes)).padStart(12),
  ];
  const why =
    logged === null || logged.evidence.why === "the log states it" ? "" : `  ${logged.evidence.why}`;
  return `  ${cells.join("  ")}${why}`.trimEnd();
}

const countLabels: Readonly<Record<keyof Explanation["counts"], string>> = {
  numBlocks: "KV blocks",
  numCpuBlocks: "CPU blocks",
  numTokens: "KV tokens",
  concurrency: "requests at once",
  maxModelLen: "tokens of a request",
  suggestedLen: "length the engine suggests",
  bytesPerBlock: "bytes of a block",
  blockSize: "tokens of a block",
  tp: "tensor parallel",
  pp: "pipeline stages",
};

function countLines({ counts }: Explanation): string[] {
  const stated = Object.entries(countLabels).flatMap(([name, label]) => {
    const value = Object.entries(counts).find(([key]) => key === name)?.[1];
    return value === undefined ? [] : [`${label} ${value.toLocaleString("en-US")}`];
  });
  return stated.length === 0 ? [] : [`  ${stated.join(", ")}`];
}

/** Lines of the whole answer; no trailing newline. */
export function explanationText(explanation: Explanation): string {
  const { engine, version, runner, model, device, components, cause, changes, notes } = explanation;
  const width = Math.max(0, ...components.map(({ label }) => label.length));
  const title = [engine, version, runner === null ? null : `(${runner})`]
    .filter((word) => word !== null)
    .join(" ");
  const header = `  ${"".padEnd(width)}  ${"in the log".padStart(12)}  ${"planned".padStart(12)}`;
  const lines = [
    `${title}: ${model ?? "a model the log does not name"} on ${device ?? "a card the log does not name"}`,
    "",
    ...(components.length === 0 ? [] : [header, ...components.map((part) => componentLine(part, width))]),
    ...countLines(explanation),
    "",
    outcomes[explanation.outcome],
    ...(explanation.engineMessage === null ? [] : [`  the engine says: ${explanation.engineMessage}`]),
    ...cause.sentences.map((sentence) => `  ${sentence}`),
    ...(changes.length === 0 ? [] : ["", "Smallest changes that would fit:"]),
    ...changes.map((change, index) => `  ${index + 1}. ${suggestionText(change)}`),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `note: ${note}`)]),
  ];
  return lines.join("\n");
}
