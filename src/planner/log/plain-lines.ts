/**
 * @module A pasted log as the lines that its engine wrote: escape codes, the prefixes of whoever relayed it (compose,
 * kubectl, CRI, journald, JSON) and the line breaks of a terminal taken off.
 */
import { isObject } from "../model/config-fields.ts";

const escapeCharacter = String.fromCharCode(27);
/** Terminal codes, also as text (`\u001b[0m`, `^[[0m`) or without their escape character (`[0;36m`), as pages show them. */
const escapeCodes = new RegExp(
  `(?:${escapeCharacter}|\\\\u001b|\\\\x1b|\\\\033|\\^\\[)(?:\\[[0-9;?]*[A-Za-z]|\\][^\\u0007]*\\u0007|[()][A-Z0-9])|\\[(?:\\d{1,3}(?:;\\d{1,3})*)m`,
  "g",
);

/** A quote mark or a box edge that a mail, a forum or a page puts in front of every line. */
const quoteMarks = /^\s*(?:[>▎▌┃│]\s?)+/;

/** Prefixes, each of which may stand behind another. */
const prefixes: readonly RegExp[] = [
  // CRI and `docker logs --timestamps`: 2025-12-13T19:54:35.692Z stdout F …
  /^\[?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?\s+(?:std(?:out|err) [FP] )?/,
  // journald and syslog: Jul 01 12:00:00 host vllm[123]: …
  /^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ [\w.@/-]+(?:\[\d+\])?: /,
  // A launcher that states its own time and level: 2026-05-08 11:47:02.256 [Error] (Process) …
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d+ \[(?:Error|Warn(?:ing)?|Info|Debug|Fatal)\] (?:\([\w-]+\) )?/i,
  // docker compose: service-1  | …
  /^[A-Za-z0-9][\w.-]*\s+\|\s?/,
  // kubectl logs --prefix: [pod/name/container] …
  /^\[pod\/[^\]]+\]\s/,
  // stern: pod-name-7d9f8-abcde container …
  /^[a-z][a-z0-9-]*-[a-z0-9]{4,10}-[a-z0-9]{5} [a-z0-9-]+ (?=\(|INFO|WARNING|ERROR|DEBUG|Traceback|\s)/,
  // llama.cpp since 2026: minutes.seconds.milliseconds.microseconds and a level
  /^\d+\.\d\d\.\d{3}\.\d{3} [DIWE] /,
  /^\[rank\d+\]:\s?/,
  /^\[\d+,\d+\]<std(?:out|err)>:\s?/,
  // vLLM's processes: (EngineCore pid=43), (RayWorkerWrapper pid=1, ip=10.0.0.1)
  /^\s*\(?(?:[A-Za-z_]\w*)[^)(]*pid=\d+[^)]*\)\s?/,
];

/** Fields in which JSON logs keep the sentence. */
const messageKeys = [
  "log",
  "message",
  "msg",
  "MESSAGE",
  "textPayload",
  "line",
  "text",
  "body",
  "event",
] as const;

function jsonMessage(line: string): string | null {
  if (!/^\s*\{.*\}\s*$/.test(line)) return null;
  try {
    const record: unknown = JSON.parse(line);
    if (!isObject(record)) return null;
    const message = messageKeys.map((key) => record[key]).find((value) => typeof value === "string");
    return typeof message === "string" ? message : null;
  } catch {
    return null;
  }
}

interface Line {
  /** As pasted, escape codes taken off: its width says whether a terminal broke it. */
  readonly raw: string;
  readonly text: string;
  /** A relay or a process put its name in front. */
  readonly hasPrefix: boolean;
  /** CRI says that the next line belongs to it. */
  readonly isPartial: boolean;
}

function unprefixed(raw: string): Line {
  let text = raw;
  let hasPrefix = false;
  let isPartial = false;
  for (let again = true; again; ) {
    again = false;
    for (const prefix of prefixes) {
      const found = prefix.exec(text)?.[0];
      if (found === undefined || found === "") continue;
      isPartial ||= / P $/.test(found);
      text = text.slice(found.length);
      [hasPrefix, again] = [true, true];
    }
  }
  return { raw, text, hasPrefix, isPartial };
}

/** Lines of one pasted line: a JSON record may hold several. */
function linesOf(raw: string): Line[] {
  const bare = raw.replace(quoteMarks, "");
  const line = unprefixed(bare);
  const message = jsonMessage(line.text);
  if (message === null) return [line];
  const inner = message
    .replaceAll(escapeCodes, "")
    .replace(/\r?\n$/, "")
    .split(/\r?\n|\r/);
  return inner.flatMap(linesOf).map((part) => ({ ...part, hasPrefix: true }));
}

/** How a line of a log, of a traceback, of a table or of a shell begins; anything else may go on with the line before. */
const beginning =
  /^\s*$|^\s+\S|^(?:INFO|WARNING|WARN|ERROR|DEBUG|CRITICAL|FATAL)\b|^(?:Traceback|The above|During handling|Process |Loading |Capturing |Compiling )|^[\w.]*(?:Error|Exception|Warning|Interrupt)\b|^(?:what\(\):|terminate called)|^[|+#$%~*`-]|^\[|^\d{4}-\d\d-\d\d|^\d+[%|]|^[A-Za-z][\w ./-]{0,40}: |^(?:docker|podman|python3?|export|sudo)\b|^[A-Z_]+=|^\S+ .*\s--[a-z]|^Based on the avai/;
/** Widths that a terminal has; a log with longer lines was not broken by one. */
const widths = { least: 60, most: 260 } as const;
/** Rows of a table are all as wide, and none goes on. */
const isTable = /^\s*[|+]/;
const isLevel = /^(?:INFO|WARNING|ERROR|DEBUG|Traceback)\b/;

interface Terminal {
  readonly width: number;
  /** Several lines end there: what looks like a beginning may be the rest of one, too. */
  readonly isCertain: boolean;
}

/** The width at which a terminal broke the text: that of its longest line. */
function terminalOf(lines: readonly Line[]): Terminal | null {
  const width = lines.reduce((most, { raw }) => Math.max(most, raw.length), 0);
  if (width < widths.least || width > widths.most) return null;
  const numFull = lines.filter(({ raw }) => raw.length === width && !isTable.test(raw)).length;
  return { width, isCertain: numFull > 1 };
}

const isSentence = /^(?:INFO|WARNING|ERROR)\b|(?:Error|Exception): |out of memory|KV cache|args: |config: /;
const isCode = /^\s*(?:File "|[~^]+\s*$)/;

/** How the next line goes on with this one: cut in a word, at a space, or not at all. */
function glue(line: Line, next: Line, terminal: Terminal | null): string | null {
  if (line.isPartial) return "";
  if (next.hasPrefix || line.text.trim() === "" || next.text.trim() === "") return null;
  if (/\\\s*$/.test(line.text) || isTable.test(next.text)) return null;
  const isFull = terminal !== null && line.raw.length === terminal.width;
  if (isFull && !isLevel.test(next.text) && (terminal.isCertain || !beginning.test(next.text))) return "";
  if (beginning.test(next.text)) return /^Based on the avai/.test(next.text) ? " " : null;
  return isSentence.test(line.text) && !isCode.test(line.text) && !/[.!?]\s*$/.test(line.text) ? " " : null;
}

function joined(lines: readonly Line[]): string[] {
  const terminal = terminalOf(lines);
  const whole: string[] = [];
  let before: Line | null = null;
  for (const line of lines) {
    const seam = before === null ? null : glue(before, line, terminal);
    const open = whole.at(-1);
    if (seam === null || open === undefined) {
      whole.push(line.text);
      before = line;
      continue;
    }
    whole[whole.length - 1] = `${open}${seam}${seam === "" ? line.text : line.text.trimStart()}`;
    // The sentence decides whether more follows, the piece's own width where it was cut.
    before = { ...line, text: whole.at(-1) ?? "" };
  }
  return whole;
}

/** The lines of a log, each whole and without what others put in front of it. */
export function plainLines(text: string): string[] {
  return joined(
    text
      .replaceAll(escapeCodes, "")
      .split(/\r\n|\n|\r/)
      .flatMap(linesOf),
  );
}
