/** @module Writes one section of docs/tuner-accuracy.md: each measurement replaces its own. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";

const path = new URL("../../docs/tuner-accuracy.md", import.meta.url);

/** @param section `## TITLE`, then its text; it replaces the section of that title, or is added at the end */
export function recordSection(section: string): void {
  const [title = ""] = section.split("\n");
  const [head = "", ...sections] = readFileSync(path, "utf8")
    .trimEnd()
    .split(/\n+(?=## )/);
  const at = sections.findIndex((known) => known.startsWith(`${title}\n`));
  if (at === -1) sections.push(section.trimEnd());
  else sections[at] = section.trimEnd();
  writeFileSync(path, `${[head, ...sections].join("\n\n")}\n`);
}

/** Where and when something was measured. */
export function conditions(): string {
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  return `${cpus()[0]?.model.trim()}, ${cpus().length} processors, load average ${load} at the end, ${new Date().toISOString().slice(0, 10)}`;
}
