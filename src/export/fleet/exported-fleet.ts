/** @module A planned fleet as other supervisors get it: what runs, with which bytes, and where copies share a card. */

/** The instances of a model that stand alike: alone on their devices, or together on one. */
export interface ExportedModel {
  /** The key in the fleet file. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly engine: string;
  /** As the fleet file states it, or the newest that the planner's rules know; null: neither does. */
  readonly version: string | null;
  readonly image: string;
  /** The start inside a container, which listens on all addresses and `port`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose values came from elsewhere: they are named, and never written out. */
  readonly hidden: readonly string[];
  readonly port: number;
  readonly replicas: { readonly min: number; readonly max: number };
  readonly runs: "processors" | "cards";
  /** Devices that one instance is split over, bytes of each. */
  readonly numRanks: number;
  readonly rankBytes: number;
  readonly numThreads: number | null;
  /** The longest request, and the tokens of the KV pool; null: the planner does not know the engine. */
  readonly maxModelLen: number | null;
  readonly numKvTokens: number | null;
  readonly startSeconds: number;
  /** A model that is a file or folder of this machine; null: the engine fetches it by its name. */
  readonly modelPath: string | null;
  /** Instances that run always, by the device that they share with others; devices with one instance are left out. */
  readonly shared: readonly SharedDevice[];
}

export interface SharedDevice {
  readonly deviceId: string;
  readonly numInstances: number;
}

export interface ExportedFleet {
  readonly name: string;
  readonly port: number;
  readonly graceSeconds: number;
  /** Whether requests need a key. It is never written out. */
  readonly hasApiKey: boolean;
  readonly models: readonly ExportedModel[];
}

/**
 * A container's limit over the cap of what runs in it: the kernel counts pages of files and of sockets too. The cap holds;
 * the limit is the net below it.
 */
export const limitMargin = 1.15;

/** A name that every system takes: lower-case letters, digits and `-`, at most 40 of them. */
export function plainName(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return plain.slice(0, 40).replace(/-+$/, "") || "model";
}

/** Requests of the longest length that the pool of one instance holds at once; null: unknown. */
export function usersAtOnce({ maxModelLen, numKvTokens }: ExportedModel): number | null {
  if (maxModelLen === null || numKvTokens === null) return null;
  return Math.max(1, Math.floor(numKvTokens / maxModelLen));
}
