/** @module A run as servers list it (`GET /admin/tuning`): its answer and its Pareto plot, without the rest of the report. */
import type { TuningRun } from "../../api/admin/observatory/index.ts";
import { paretoPoints } from "./pareto-points.ts";
import type { TuneReport } from "./tune-report.ts";

/** Simulated settings come by thousands; the best ones are first. */
const mostSimulated = 400;

export function tuningRun(report: TuneReport): TuningRun {
  const { createdAt, engine, model, command, goalText, verdict, serveCommand } = report;
  const { metrics, points, front, limits } = paretoPoints(report);
  const isDrawn = ({ x, y }: { x: number; y: number }): boolean => Number.isFinite(x) && Number.isFinite(y);
  const finite = points.filter(isDrawn);
  const simulated = finite.filter(({ kind }) => kind === "simulated").slice(0, mostSimulated);
  return {
    ...{ createdAt, engine, model, command, goalText, verdict, serveCommand },
    metrics: [...metrics],
    limits: [...limits],
    points: [...simulated, ...finite.filter(({ kind }) => kind !== "simulated")],
    front: front.filter(isDrawn),
  };
}
