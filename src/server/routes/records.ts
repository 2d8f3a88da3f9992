/** @module GET /admin/logs and GET /admin/tuning: what was written down before. */
import type { FastifyInstance } from "fastify";
import { type LogsAnswer, parseLogsQuestion, type TuningAnswer } from "../../api/admin/observatory/index.ts";
import type { LogRing } from "../observatory/logs/log-ring.ts";

export interface RecordParts {
  /** Without it there is no /admin/logs. */
  readonly logs?: LogRing;
  /** The last runs of the tuner on this machine; without it there is no /admin/tuning. */
  readonly tuningRuns?: () => Promise<TuningAnswer["runs"]>;
}

export function addRecordRoutes(app: FastifyInstance, { logs, tuningRuns }: RecordParts): void {
  if (logs !== undefined)
    app.get("/admin/logs", async (request): Promise<LogsAnswer> => {
      return { schema: "pagoda.logs/1", lines: [...logs.after(parseLogsQuestion(request.query))] };
    });
  if (tuningRuns !== undefined)
    app.get("/admin/tuning", async (): Promise<TuningAnswer> => {
      return { schema: "pagoda.tuning-runs/1", runs: await tuningRuns() };
    });
}
