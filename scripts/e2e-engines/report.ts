/** @module docs/fleet-engines.md: what each driver has shown against the real engine, from the recorded trials. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type EngineRecord, fixturesFolder } from "./recording.ts";

const page = fileURLToPath(new URL("../../docs/fleet-engines.md", import.meta.url));
const begin = "<!-- trials: written by scripts/e2e-engines.ts -->";
const titles: Readonly<Record<string, string>> = {
  serving: "One running engine",
  life: "Drained, killed, ended",
  failing: "Starts that fail",
  proxy: "LMDeploy's proxy protocol",
  fleet: "All of them under one `pagoda up`",
};
/** What is tried of one engine alone. */
const alone = Object.keys(titles).filter((group) => group !== "fleet");

/** Replaces the tables of the page; what stands before them is written by hand. */
export function writeReport(): void {
  const text = readFileSync(page, "utf8");
  const head = text.slice(0, text.indexOf(begin) + begin.length);
  writeFileSync(page, `${head}\n\n${versions()}\n${Object.keys(titles).map(tableOf).join("\n")}`);
}

function recordsOf(group: string): EngineRecord[] {
  return readdirSync(fixturesFolder)
    .map((engine) => `${fixturesFolder}${engine}/${group}.trials.json`)
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")) as EngineRecord);
}

function versions(): string {
  const records = recordsOf("serving");
  const rows = records.map((record) => {
    const passed = alone.map((group) => {
      const trials = recordsOf(group).find(({ engine }) => engine === record.engine)?.trials ?? [];
      return `${trials.filter((trial) => trial.passed).length} of ${trials.length}`;
    });
    return `| ${record.engine} | ${record.version} | ${passed.join(" | ")} | ${record.recordedOn} |`;
  });
  return [
    `Recorded on ${records[0]?.machine ?? "?"}, which other work shared.`,
    "",
    `| engine | version | ${alone.join(" | ")} | recorded |`,
    "|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function tableOf(group: string): string {
  const rows = recordsOf(group).flatMap(({ engine, trials }) =>
    trials.map(
      ({ name, passed, seen }) => `| ${engine} | ${name} | ${passed ? "yes" : "**no**"} | ${cell(seen)} |`,
    ),
  );
  return [
    `## ${titles[group]}`,
    "",
    "| engine | trial | passed | seen |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

const cell = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").slice(0, 420);
