/** @module The records of docs/decisions/, what is wrong with their form, and their index. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const folder = resolve(import.meta.dirname, "../docs/decisions");

export interface DecisionRecord {
  readonly number: string;
  readonly file: string;
  readonly title: string;
  readonly room: string;
  readonly status: string;
  /** Numbers of the records that this one amends or supersedes. */
  readonly revises: readonly string[];
  /** Numbers of the records by which this one is amended or superseded. */
  readonly revisedBy: readonly string[];
  readonly sections: readonly string[];
  readonly numWords: number;
}

export function readDecisions(): readonly DecisionRecord[] {
  return readdirSync(folder)
    .filter((file) => /^\d{3}-.*\.md$/.test(file))
    .sort()
    .map(readDecision);
}

function readDecision(file: string): DecisionRecord {
  const text = readFileSync(join(folder, file), "utf8");
  const [, number = "", title = ""] = /^# (\d{3}): (.+)\n/.exec(text) ?? [];
  const [, status = "", room = "", revises = ""] =
    /^Status: (.+?) · Room: (\w+)(?: · (?:Amends|Supersedes): (.+))?$/m.exec(text) ?? [];
  return {
    number,
    file,
    title,
    room,
    status,
    revises: numbersIn(revises),
    revisedBy: numbersIn(status),
    sections: [...text.matchAll(/^\*\*(\w+)\.\*\*/gm)].map(([, section = ""]) => section),
    numWords: text.split(/\s+/).length,
  };
}

function numbersIn(text: string): readonly string[] {
  return [...text.matchAll(/\[(\d{3})\]/g)].map(([, number = ""]) => number);
}

const mostWords = 450;
const statusForm = /^(?:accepted|(?:amended|superseded) by (?:\[\d{3}\]\([\w-]+\.md\)(?:, )?)+)$/;

/** Breaches of the form that decision 000 gives; `rooms` are the folders of src/ and "house". */
export function faultsOf(records: readonly DecisionRecord[], rooms: ReadonlySet<string>): readonly string[] {
  const byNumber = new Map(records.map((record) => [record.number, record]));
  return records.flatMap((record) => {
    const faults: string[] = [];
    if (!record.file.startsWith(`${record.number}-`)) faults.push('the first line must be "# NNN: Title"');
    if (byNumber.get(record.number) !== record) faults.push(`the number ${record.number} is taken`);
    if (!statusForm.test(record.status))
      faults.push('the status line must be "Status: accepted · Room: room"');
    if (!rooms.has(record.room)) faults.push(`"${record.room}" is not a room`);
    if (record.numWords > mostWords)
      faults.push(`${record.numWords} words, where ${mostWords} are half a page`);
    for (const section of ["Context", "Choice", "Cost"])
      if (!record.sections.includes(section)) faults.push(`the section **${section}.** is missing`);
    for (const number of record.revises)
      if (byNumber.get(number)?.revisedBy.includes(record.number) !== true)
        faults.push(`the status of ${number} does not name ${record.number}`);
    for (const number of record.revisedBy)
      if (byNumber.get(number)?.revises.includes(record.number) !== true)
        faults.push(`${number} does not say that it amends or supersedes ${record.number}`);
    return faults.map((fault) => `${record.file}: ${fault}`);
  });
}

/** The text of docs/decisions/README.md. */
export function decisionIndex(records: readonly DecisionRecord[]): string {
  const rows = records.map(
    ({ number, file, title, room, status, revises }) =>
      `| [${number}](${file}) | ${title} | ${room} | ${status.replaceAll(/\]\([^)]*\)/g, "]").replaceAll(/[[\]]/g, "")} | ${revises.join(", ")} |`,
  );
  return [
    "# Decisions",
    "",
    "Why things are as they are: one record for each choice that someone could have made otherwise. [000](000-how-decisions-are-kept.md) has the form. This index is written by `node scripts/build-decision-index.ts`.",
    "",
    "| number | title | room | status | amends or supersedes |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
