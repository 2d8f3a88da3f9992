/**
 * Measures the planner against real start-up logs.
 *
 *   npm run eval:planner -- [--cases FILE.jsonl --configs FILE.jsonl] [--capacity FILE.jsonl] [--json]
 *
 * Exit status 1 where a goal for complete cases is missed. JSON keys: docs/planner.md, "The evaluation".
 */
import { parseArgs } from "node:util";
import type { ConfigObject } from "../src/planner/index.ts";
import { type CapacityRow, capacityReport } from "./eval-planner/capacity.ts";
import { configOf, type LogCase, prepareCase, readJsonLines } from "./eval-planner/cases.ts";
import { judge } from "./eval-planner/judge.ts";
import { printReport, reportOf } from "./eval-planner/report.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string" },
    configs: { type: "string" },
    capacity: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const hasLogs = values.cases !== undefined && values.configs !== undefined;
if (!hasLogs && (values.capacity === undefined || values.cases !== undefined)) {
  console.error(
    "usage: npm run eval:planner -- [--cases FILE.jsonl --configs FILE.jsonl] [--capacity FILE.jsonl] [--json]",
  );
  process.exit(2);
}
const configs = new Map(
  rowsOf<ConfigObject>(values.configs).map((row): [string, ConfigObject] => [
    String(row.model),
    configOf(row),
  ]),
);
const prepared = rowsOf<LogCase>(values.cases).map((row) => prepareCase(row, configs));
const judgements = prepared.flatMap((item) => (item.kind === "ready" ? [judge(item)] : []));
const capacity =
  values.capacity === undefined ? null : capacityReport(readJsonLines<CapacityRow>(values.capacity));
const report = reportOf(prepared, judgements, capacity);
console.log(values.json ? JSON.stringify(report, null, 2) : printReport(report));
process.exitCode = report.goals.every(({ isMet }) => isMet) ? 0 : 1;

function rowsOf<Row>(file: string | undefined): readonly Row[] {
  return file === undefined ? [] : readJsonLines<Row>(file);
}
