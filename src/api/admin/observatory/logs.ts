/** @module `GET /admin/logs?after=`: the last lines of the server's log. */
import { z } from "zod";
import { PagodaError } from "../../../core/errors.ts";
import { shownText } from "../../shown-text.ts";

const logLineSchema = z.object({
  /** Counts from 1; higher is later. */
  lineId: z.number(),
  unixMs: z.number(),
  level: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]),
  message: z.string(),
});
export type LogLine = z.infer<typeof logLineSchema>;

export const logsSchema = z.object({
  schema: z.literal("pagoda.logs/1"),
  /** Oldest first; the server keeps the last thousand. */
  lines: z.array(logLineSchema),
});
export type LogsAnswer = z.infer<typeof logsSchema>;

/** The id of the last line that is known; 0: all that are kept. Throws `invalid_request`. */
export function parseLogsQuestion(query: unknown): number {
  const { after } = query as Readonly<Record<string, unknown>>;
  if (after === undefined) return 0;
  const lineId = Number(after);
  if (after !== "" && Number.isSafeInteger(lineId) && lineId >= 0) return lineId;
  throw new PagodaError(
    "invalid_request",
    `'after' is ${shownText(String(after))}, and no number of a line.`,
    {
      param: "after",
      hint: "Send the lineId of the last line that you have, or leave it out.",
    },
  );
}
