/**
 * @module What a fleet must know after its supervisor was killed: what it is to be, which processes it started, what they
 * were promised, and what has happened. One SQLite file.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { chmodSync } from "node:fs";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import type { ProcessIdentity } from "../../process/process-identity.ts";
import type { FleetSpec } from "../desired/fleet-spec.ts";

/** One start of one instance. It is written before the process is started; `process` is filled in afterwards. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly model: string;
  readonly generation: number;
  /** The value of the variable that marks its processes. */
  readonly tag: string;
  readonly process: ProcessIdentity | null;
  /** Of the machine's start: process ids of an earlier one say nothing. */
  readonly bootId: string;
  readonly port: number;
  readonly demands: readonly { readonly deviceId: string; readonly plannedBytes: number }[];
  /** What the instance was started with: an adopted one that differs is replaced. */
  readonly startHash: string;
}

export interface StoredEvent {
  readonly atUnixMs: number;
  readonly instanceId: string;
  readonly state: string;
  readonly reason: string;
  readonly heldBytes: number | null;
}

/** Where the supervisor answers. */
export interface Door {
  readonly url: string;
  readonly pid: number;
  readonly startTicks: number;
}

const mostEvents = 5000;
const keyBytes = 32;

function newKey(): string {
  return randomBytes(keyBytes).toString("hex");
}

export class FleetStore {
  readonly #database: DatabaseSync;
  /** Marks the processes of this fleet, for as long as its store is there. */
  readonly fleetTag: string;
  /** What commands on this machine show to change the fleet, where the file states no key. */
  readonly ownKey: string;
  /** What instances of our own engine are asked with: they answer their router alone. */
  readonly routerKey: string;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 5000 });
    chmodSync(path, 0o600);
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS instances (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS events (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, instance TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL, held INTEGER) STRICT;
    `);
    this.fleetTag = this.#factOr("tag", randomUUID);
    this.ownKey = this.#factOr("key", newKey);
    this.routerKey = this.#factOr("router key", newKey);
  }

  get spec(): FleetSpec | null {
    return this.#json<FleetSpec>("spec");
  }

  set spec(spec: FleetSpec) {
    this.#setFact("spec", JSON.stringify(spec));
  }

  get door(): Door | null {
    return this.#json<Door>("door");
  }

  set door(door: Door | null) {
    this.#setFact("door", JSON.stringify(door));
  }

  instances(): InstanceRecord[] {
    const rows = this.#database.prepare("SELECT record FROM instances ORDER BY id").all();
    return rows.map(({ record }) => JSON.parse(String(record)) as InstanceRecord);
  }

  setInstance(record: InstanceRecord): void {
    this.#database
      .prepare("INSERT OR REPLACE INTO instances (id, record) VALUES (?, ?)")
      .run(record.instanceId, JSON.stringify(record));
  }

  removeInstance(instanceId: string): void {
    this.#database.prepare("DELETE FROM instances WHERE id = ?").run(instanceId);
  }

  addEvent({ atUnixMs, instanceId, state, reason, heldBytes }: StoredEvent): void {
    const { lastInsertRowid } = this.#database
      .prepare("INSERT INTO events (at, instance, state, reason, held) VALUES (?, ?, ?, ?, ?)")
      .run(atUnixMs, instanceId, state, reason, heldBytes);
    this.#database.prepare("DELETE FROM events WHERE number <= ?").run(Number(lastInsertRowid) - mostEvents);
  }

  /** The last ones, the oldest of them first. */
  events(most: number): StoredEvent[] {
    const rows = this.#database.prepare("SELECT * FROM events ORDER BY number DESC LIMIT ?").all(most);
    return rows.reverse().map(eventOf);
  }

  close(): void {
    this.#database.close();
  }

  #factOr(name: string, make: () => string): string {
    const known = this.#fact(name);
    if (known !== null) return known;
    // Of two that open a new store at once, one writes.
    this.#database.prepare("INSERT OR IGNORE INTO facts (name, value) VALUES (?, ?)").run(name, make());
    return this.#fact(name) ?? "";
  }

  #fact(name: string): string | null {
    const row = this.#database.prepare("SELECT value FROM facts WHERE name = ?").get(name);
    return row === undefined ? null : String(row.value);
  }

  #json<T>(name: string): T | null {
    const text = this.#fact(name);
    return text === null ? null : (JSON.parse(text) as T | null);
  }

  #setFact(name: string, value: string): void {
    this.#database.prepare("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)").run(name, value);
  }
}

function eventOf(row: Record<string, SQLOutputValue>): StoredEvent {
  return {
    atUnixMs: Number(row.at),
    instanceId: String(row.instance),
    state: String(row.state),
    reason: String(row.reason),
    heldBytes: row.held === null ? null : Number(row.held),
  };
}
