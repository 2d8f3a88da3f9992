/** @module Writes a report as JSON, Markdown and HTML into a folder. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { htmlReport } from "./html.ts";
import { markdownReport } from "./markdown.ts";
import type { TuneReport } from "./tune-report.ts";

/** Throws `invalid_option` where the folder cannot be made: before anything is measured. */
export function prepareReportFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new PagodaError("invalid_option", `The folder ${folder} cannot be made: ${String(cause)}.`, {
      hint: "Give --report a folder that you may write to.",
      cause,
    });
  }
}

export function writeReport(report: TuneReport, folder: string): void {
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(folder, "report.md"), markdownReport(report));
  writeFileSync(join(folder, "report.html"), htmlReport(report));
}
