/** @module docs/soak.md: the newest report of each kind of run, as text and as the JSON that the next run reads. */
import { existsSync, readFileSync } from "node:fs";
import type { SoakReport } from "../soak.ts";

const opening = `# Odd requests

\`npm run soak\` sends requests that nobody meant, by seeds, over real sockets: fields of wrong types, huge and negative numbers, deep nesting, invalid UTF-8, other content types, pipelined, cut short, damaged, chunked with wrong sizes, and clients that leave. An answer of status 500, an error in another shape than its protocol's, an answer that shows a path of the machine or a stack, a whole request without an answer, and an exchange without an end are faults. This page is written by the script.
`;

/** The text of the document with one report replaced. */
export function soakDocument(path: string, report: SoakReport): string {
  const known = existsSync(path) ? readFileSync(path, "utf8") : "";
  const [, json = "[]"] = /<!-- reports (.*) -->/.exec(known) ?? [];
  const others = (JSON.parse(json) as SoakReport[]).filter(({ over }) => over !== report.over);
  const reports = [...others, report].sort((a, b) => b.over.localeCompare(a.over));
  return [opening, ...reports.map(section), `<!-- reports ${JSON.stringify(reports)} -->\n`].join("\n");
}

function section(report: SoakReport): string {
  const { residentMib, byStatus, byKind } = report;
  return [
    `## Over ${report.over === "real" ? "a real model" : "a scripted model"}\n`,
    "| | |",
    "|---|---|",
    `| requests | ${report.numRequests} in ${report.seconds} s |`,
    `| answers by status | ${counted(byStatus)} |`,
    `| exchanges without an answer (the client left or ended early) | ${report.numWithoutAnswer} |`,
    `| by kind | ${counted(byKind)} |`,
    `| faults | ${report.faults.length} |`,
    `| ${report.over === "real" ? "blocks still referenced" : "requests without exactly one ending"} | ${report.numLeftOver} |`,
    `| resident after a tenth, and at the end | ${residentMib[0]} MiB, ${residentMib[1]} MiB |`,
    ...(report.heapMib === undefined
      ? []
      : [
          `| live objects after a tenth, and at the end | ${report.heapMib[0]} MiB, ${report.heapMib[1]} MiB |`,
        ]),
    ...(report.longestBlockedMs === null
      ? []
      : [`| longest block of the event loop, with 16 clients | ${report.longestBlockedMs} ms |`]),
    ...(report.longestBlockedAloneMs === undefined
      ? []
      : [`| longest block by one request, without others | ${report.longestBlockedAloneMs} ms |`]),
    "",
  ].join("\n");
}

function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name}: ${count}`)
    .join(", ");
}
