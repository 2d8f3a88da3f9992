/** @module docs/planner-examples.md: every answer in it is what the command prints. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { invariant } from "../../src/core/errors.ts";
import { type Question, type Section, sections } from "./sections.ts";

const root = resolve(import.meta.dirname, "../..");

/** Words as a shell takes them. */
function typed(words: readonly string[]): string {
  return words.map((word) => (/^[\w./=-]+$/.test(word) ? word : `"${word}"`)).join(" ");
}

/** Runs the command with an empty store of measured starts, so that no log saved here finds its way into the document. */
function answerTo({ words, logFile }: Question, stateFolder: string): string {
  const ran = spawnSync(process.execPath, [join(root, "src/cli/main.ts"), "plan", ...words], {
    encoding: "utf8",
    env: { ...process.env, XDG_STATE_HOME: stateFolder, PAGODA_OFFLINE: "1" },
    ...(logFile === undefined ? {} : { input: readFileSync(join(root, logFile), "utf8") }),
  });
  invariant(ran.stderr === "", () => `pagoda plan ${typed(words)} says: ${ran.stderr}`);
  return ran.stdout.trimEnd();
}

function questionText(question: Question, stateFolder: string): string {
  const { says, words, logFile } = question;
  const command = `pagoda plan ${typed(words)}${logFile === undefined ? "" : ` < ${logFile}`}`;
  return [says, "", "```text", `$ ${command}`, answerTo(question, stateFolder), "```"].join("\n");
}

function sectionText(section: Section, stateFolder: string): string {
  const { title, text, questions } = section;
  return [`## ${title}`, text, ...questions.map((question) => questionText(question, stateFolder))].join(
    "\n\n",
  );
}

/** The whole document. */
export function renderExamples(): string {
  const stateFolder = mkdtempSync(join(tmpdir(), "pagoda-examples-"));
  try {
    const parts = [
      "# The planner's examples",
      "Written by `npm run docs:planner`, which runs every command below; a test compares. How the numbers come about is in [planner.md](planner.md).",
      ...sections.map((section) => sectionText(section, stateFolder)),
    ];
    return `${parts.join("\n\n")}\n`;
  } finally {
    rmSync(stateFolder, { recursive: true });
  }
}
