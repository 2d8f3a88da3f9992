/** @module What the runs of one engine have shown, and the small files that the tests replay. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { RealEngine } from "./engines-at.ts";

export interface TrialResult {
  readonly group: string;
  readonly name: string;
  readonly passed: boolean;
  /** What happened, in a few words, with its figures. */
  readonly seen: string;
}

export interface Exchange {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly status: number;
  readonly contentType: string;
  readonly answer: string;
}

export interface EngineRecord {
  readonly engine: string;
  readonly version: string;
  readonly machine: string;
  readonly recordedOn: string;
  readonly trials: readonly TrialResult[];
}

export const fixturesFolder = fileURLToPath(new URL("../../tests/fixtures/fleet/engines/", import.meta.url));
const checkout = fileURLToPath(new URL("../../", import.meta.url));

export class Recording {
  readonly trials: TrialResult[] = [];
  readonly exchanges: Exchange[] = [];
  readonly #engine: RealEngine;
  readonly #dest: string;
  readonly #texts = new Map<string, string>();

  constructor(engine: RealEngine, dest: string) {
    this.#engine = engine;
    this.#dest = dest;
  }

  /** Runs one trial; what it throws makes it a failed one. */
  async trial(group: string, name: string, run: () => Promise<string>): Promise<void> {
    const result = await run().then(
      (seen) => ({ passed: true, seen }),
      (thrown) => ({ passed: false, seen: thrown instanceof Error ? thrown.message : String(thrown) }),
    );
    this.trials.push({ group, name, ...result, seen: this.#scrubbed(result.seen) });
    console.log(
      `${this.#engine.name}: ${result.passed ? "ok" : "FAILED"}: ${group}, ${name}: ${result.seen}`,
    );
  }

  /** Keeps a text for a file of the fixtures. */
  keep(fileName: string, text: string): void {
    this.#texts.set(fileName, this.#scrubbed(text));
  }

  /** Writes what has been recorded; trials of groups that did not run are kept from before. */
  write(): void {
    const folder = `${fixturesFolder}${this.#engine.name}`;
    mkdirSync(folder, { recursive: true });
    for (const [fileName, text] of this.#texts) writeFileSync(`${folder}/${fileName}`, text);
    if (this.exchanges.length > 0)
      writeFileSync(
        `${folder}/exchanges.json`,
        this.#scrubbed(`${JSON.stringify(this.exchanges, null, 1)}\n`),
      );
    for (const group of new Set(this.trials.map((trial) => trial.group))) {
      const record: EngineRecord = {
        engine: this.#engine.name,
        version: this.#engine.version,
        machine: `${cpus().length} cores of ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split("-")[0]}`,
        recordedOn: new Date().toISOString().slice(0, 10),
        trials: this.trials.filter((trial) => trial.group === group),
      };
      writeFileSync(`${folder}/${group}.trials.json`, `${JSON.stringify(record, null, 1)}\n`);
    }
  }

  /** Without the paths of this machine. */
  #scrubbed(text: string): string {
    return text
      .replaceAll(this.#dest, "/opt/engines")
      .replaceAll(checkout, "/opt/pagoda/")
      .replaceAll(/\/tmp\/[\w./-]+/g, "/tmp/file")
      .replaceAll(/\/root\/[\w./-]+/g, "/home/file");
  }
}
