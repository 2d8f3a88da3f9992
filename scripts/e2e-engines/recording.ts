/** @module What the runs of one engine have shown, and the small files that the tests replay. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
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
  readonly #engine: Pick<RealEngine, "name" | "version">;
  readonly #dest: string;
  readonly #texts = new Map<string, string>();

  readonly #isKept: boolean;

  /** `isKept`: what is seen is written to the fixtures after each trial, so that a run may be broken off. */
  constructor(engine: Pick<RealEngine, "name" | "version">, dest: string, isKept: boolean) {
    this.#engine = engine;
    this.#dest = dest;
    this.#isKept = isKept;
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
    if (this.#isKept) this.#write();
  }

  /** Keeps a text for a file of the fixtures. */
  keep(fileName: string, text: string): void {
    this.#texts.set(fileName, this.#scrubbed(text));
  }

  /** Writes what has been recorded; trials that did not run this time are kept from before. */
  #write(): void {
    const folder = `${fixturesFolder}${this.#engine.name}`;
    mkdirSync(folder, { recursive: true });
    for (const [fileName, text] of this.#texts) {
      mkdirSync(dirname(`${folder}/${fileName}`), { recursive: true });
      writeFileSync(`${folder}/${fileName}`, text);
    }
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
        trials: this.#merged(`${folder}/${group}.trials.json`, group),
      };
      writeFileSync(`${folder}/${group}.trials.json`, `${JSON.stringify(record, null, 1)}\n`);
    }
  }

  /** Trials of before, replaced by those of the same name that have run again. */
  #merged(path: string, group: string): TrialResult[] {
    const now = this.trials.filter((trial) => trial.group === group);
    if (!existsSync(path)) return now;
    const { trials } = JSON.parse(readFileSync(path, "utf8")) as EngineRecord;
    const names = new Set(now.map(({ name }) => name));
    return [...trials.filter(({ name }) => !names.has(name)), ...now];
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
