import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { readableLog } from "./log-format.ts";

function linesOf(write: (log: ReturnType<typeof pino>) => void, hasColor = false): string {
  let text = "";
  const stream = readableLog({ write: (line) => (text += line) }, hasColor);
  write(pino({ timestamp: () => `,"time":${new Date(2026, 0, 2, 3, 4, 5, 67).getTime()}` }, stream));
  return text;
}

test("a line has the time of day, the level and the message; fields from warnings on", () => {
  assert.equal(
    linesOf((log) => log.info({ tokens: 3 }, "It goes on.")),
    "03:04:05.067 info  It goes on.\n",
  );
  assert.equal(
    linesOf((log) => log.warn({ field: 'a"b' }, "ignored")),
    '03:04:05.067 warn  ignored field="a\\"b"\n',
  );
});

test("an error brings its stack, indented; colours are only for those who want them", () => {
  const text = linesOf((log) => log.error({ err: new TypeError("broken") }, "it failed"));
  assert.match(text, /^03:04:05\.067 error it failed\n {2}TypeError: broken\n {4,}at /);
  assert.equal(
    linesOf((log) => log.info("x"), true),
    "03:04:05.067 \u001b[32minfo \u001b[39m x\n",
  );
});

test("a line that is no JSON is passed on", () => {
  let text = "";
  readableLog({ write: (line) => (text += line) }, false).write("plain\n");
  assert.equal(text, "plain\n");
});
