/** @module What a fleet is to be, as a fleet file states it, with every default filled in. */

/** What an instance may hold: bytes, a share of the device's total, or flags of the engine that say it in its own words. */
export type MemorySpec =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "share"; readonly share: number }
  | { readonly kind: "flags"; readonly flags: Readonly<Record<string, FlagText>> };

/** A flag's value; true stands for the flag alone, false for its `--no-` form. */
export type FlagText = string | boolean;

/** After an instance ended by itself: start it again, leave it, or change what the explanation suggests, once. */
export type RestartMode = "always" | "never" | "fix";

export interface ModelSpec {
  /** The key in the file, and the name that answers have. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** A path, a hub id, or a name of the catalogue. */
  readonly model: string;
  readonly engine: string;
  /** null: whichever version is installed. */
  readonly version: string | null;
  /** Instances that run always, and the most there may be. `min` 0: the first request starts one. */
  readonly replicas: { readonly min: number; readonly max: number };
  /** The engine's executable; null: the one on the path. */
  readonly program: string | null;
  readonly tensorParallel: number;
  readonly memory: MemorySpec | null;
  readonly flags: Readonly<Record<string, FlagText>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Devices it may be on; empty: any. */
  readonly devices: readonly string[];
  /** Idle milliseconds after which it gives its memory back; null: never by itself. */
  readonly ttlMs: number | null;
  /** Of its requests that state none; lower goes first. */
  readonly priority: number;
  /** Never gives way to another model. */
  readonly pinned: boolean;
  readonly restart: RestartMode;
}

/** A device as a file declares it; those that are not declared are found. */
export interface DeviceSpec {
  readonly deviceId: string;
  /** null: what the system says. */
  readonly totalBytes: number | null;
  /** Bytes that are never promised. */
  readonly marginBytes: number;
}

export interface FleetSpec {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly devices: readonly DeviceSpec[];
  readonly placement: "pack" | "spread";
  readonly models: readonly ModelSpec[];
  readonly router: {
    readonly mostWaiting: number;
    readonly waitMs: number;
    /** Another instance of our own engine goes on with the stream of one that has ended. */
    readonly resumesStreams: boolean;
  };
  readonly limits: {
    readonly shutdownGraceMs: number;
    /** How long a start may take. */
    readonly startMs: number;
    /** An instance that makes no progress for so long, with requests open, is stuck. */
    readonly stuckMs: number;
    /** The most bytes of an instance's log file. */
    readonly logBytes: number;
  };
  readonly onExit: "stop" | "leave";
  readonly keys: {
    /** Of routes that look into the fleet or change it; null: the one that this user's commands know. */
    readonly admin: string | null;
    /** Of requests; empty: they need none. */
    readonly api: readonly string[];
  };
}
