/** @module History in a file (SQLite): the minutes of 30 days, of every instance by its id. */
import type { DatabaseSync } from "node:sqlite";
import { historyColumns } from "../../../api/admin/observatory/index.ts";
import { PagodaError } from "../../../core/errors.ts";
import type { HistoryRow } from "./history-ring.ts";

const keptMs = 30 * 24 * 3_600_000;
/** Another set of columns is another table. */
const table = "minutes_1";

export class HistoryFile {
  readonly #database: DatabaseSync;

  /** For `open`. */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws PagodaError `invalid_option` where the file cannot be opened or is none of ours. */
  static async open(path: string): Promise<HistoryFile> {
    const { DatabaseSync } = await import("node:sqlite");
    try {
      const database = new DatabaseSync(path);
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
      const columns = historyColumns.map((column) => `"${column}" REAL`).join(", ");
      database.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (instance TEXT NOT NULL, unix_ms INTEGER NOT NULL, ${columns}, PRIMARY KEY (instance, unix_ms)) WITHOUT ROWID`,
      );
      return new HistoryFile(database);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new PagodaError("invalid_option", `The history file ${path} cannot be used: ${reason}.`, {
        param: "--history",
        hint: "Name a file that can be written, or one that does not exist yet.",
        cause,
      });
    }
  }

  add(instanceId: string, { unixMs, figures }: HistoryRow): void {
    const places = historyColumns.map(() => "?").join(", ");
    const values = Array.from(figures, (figure) => (Number.isNaN(figure) ? null : figure));
    this.#database
      .prepare(`INSERT OR REPLACE INTO ${table} VALUES (?, ?, ${places})`)
      .run(instanceId, unixMs, ...values);
    this.#database.prepare(`DELETE FROM ${table} WHERE unix_ms < ?`).run(unixMs - keptMs);
  }

  /** Oldest first. */
  rows(instanceId: string, fromMs: number, toMs: number): HistoryRow[] {
    const found = this.#database
      .prepare(`SELECT * FROM ${table} WHERE instance = ? AND unix_ms BETWEEN ? AND ? ORDER BY unix_ms`)
      .all(instanceId, fromMs, toMs) as Readonly<Record<string, number | null>>[];
    return found.map((row) => ({
      unixMs: Number(row.unix_ms),
      figures: historyColumns.map((column) => row[column] ?? Number.NaN),
    }));
  }

  close(): void {
    this.#database.close();
  }
}
