import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminEvent, LogLine } from "../../../api/admin/observatory/index.ts";
import { shownEvents, shownLines } from "./event-filter.ts";

const event = (eventId: number, kind: AdminEvent["kind"], instanceId: string | null, message: string) => ({
  ...{ eventId, kind, instanceId, message },
  ...{ unixMs: 0, by: kind === "settings" ? "admin 127.0.0.1" : null, details: {} },
});
const events = [
  event(1, "ready", "m-0", "m is ready."),
  event(2, "settings", null, "maxNumSeqs 8 → 4."),
  event(3, "preempted", "m-1", "m preempted 3 sequences."),
];
const idsOf = (kind: string, instance: string, words: string) =>
  shownEvents(events, { kind, instance, words }).map(({ eventId }) => eventId);

test("events are filtered by kind, instance and all words, the newest first", () => {
  assert.deepEqual(idsOf("", "", ""), [3, 2, 1]);
  assert.deepEqual(idsOf("ready", "", ""), [1]);
  assert.deepEqual(idsOf("", "m-1", ""), [3]);
  assert.deepEqual(idsOf("", "", "ADMIN  seqs"), [2]);
  assert.deepEqual(idsOf("ready", "m-1", ""), []);
});

test("lines of the log are those of the level and graver ones", () => {
  const line = (lineId: number, level: LogLine["level"], message: string) => ({
    lineId,
    level,
    message,
    unixMs: 0,
  });
  const lines = [line(1, "debug", "a b"), line(2, "warn", "b c"), line(3, "error", "c a")];
  const shown = (least: string, words: string) => shownLines(lines, least, words).map(({ lineId }) => lineId);
  assert.deepEqual(shown("trace", ""), [3, 2, 1]);
  assert.deepEqual(shown("warn", ""), [3, 2]);
  assert.deepEqual(shown("trace", "A"), [3, 1]);
  assert.deepEqual(shown("nonsense", "c"), [3, 2]);
});
