/** @module What the log of a start measured goes into the planner's calibration file, so that the next plan is measured. */
import { PagodaError } from "../../core/errors.ts";
import {
  calibrationEntry,
  type ExplainContext,
  enginesWithLogs,
  measuredStart,
  readLog,
  withEntry,
} from "../../planner/index.ts";
import { calibrationPath, readCalibration, writeCalibration } from "../planning/calibration-file.ts";

/** A log that measures nothing, or that nobody can read, changes nothing: the instance serves all the same. */
export function learnFromStart(
  engine: string,
  output: string,
  context: ExplainContext,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): void {
  if (!enginesWithLogs.includes(engine)) return;
  try {
    const measured = measuredStart(readLog(output, engine), context);
    const day = new Date().toISOString().slice(0, 10);
    const entry = measured === null ? null : calibrationEntry(measured, `a start of the fleet on ${day}`);
    if (entry === null) return;
    const path = calibrationPath(environment);
    writeCalibration(path, withEntry(readCalibration(path), entry));
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
  }
}
