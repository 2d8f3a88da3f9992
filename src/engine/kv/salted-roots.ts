/** @module Where the texts of each salt begin in the prefix cache: texts of different salts have no beginning in common. */
import { invariant } from "../../core/errors.ts";
import { rootBlock } from "./prefix-cache.ts";

interface Root {
  readonly salt: string;
  /** Tables with it, and blocks in the cache that follow it. */
  numUses: number;
}

/**
 * A root takes the place of a parent block, so it is a number below every block's: −1 for texts without a salt, and one
 * below that for each salt in use. A salt is forgotten when its last table and its last cached block have gone, so there
 * are never more than blocks and sequences.
 */
export class SaltedRoots {
  readonly #idOf = new Map<string, number>();
  readonly #roots = new Map<number, Root>();
  readonly #freeIds: number[] = [];

  get numSalts(): number {
    return this.#idOf.size;
  }

  /** null where the salt is not in use, so that nothing of it can be cached. */
  find(salt: string | null): number | null {
    return salt === null ? rootBlock : (this.#idOf.get(salt) ?? null);
  }

  /** Counts a use, which `leave` gives back. */
  enter(salt: string | null): number {
    if (salt === null) return rootBlock;
    let id = this.#idOf.get(salt);
    if (id === undefined) {
      id = this.#freeIds.pop() ?? rootBlock - 1 - this.#idOf.size;
      this.#idOf.set(salt, id);
      this.#roots.set(id, { salt, numUses: 0 });
    }
    this.use(id);
    return id;
  }

  /** One more use of a root that is in use. */
  use(id: number): void {
    if (id === rootBlock) return;
    const root = this.#roots.get(id);
    invariant(root !== undefined, () => `root ${id} is not in use`);
    root.numUses++;
  }

  leave(id: number): void {
    if (id === rootBlock) return;
    const root = this.#roots.get(id);
    invariant(root !== undefined, () => `root ${id} is not in use`);
    if (--root.numUses > 0) return;
    this.#roots.delete(id);
    this.#idOf.delete(root.salt);
    this.#freeIds.push(id);
  }
}
