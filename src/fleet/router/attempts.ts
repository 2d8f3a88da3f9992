/**
 * @module The attempts of one request, over every time it is routed: which instances have failed it, and how often it may
 * still be tried.
 *
 * A connection that was refused has computed nothing and ended nothing, so such attempts are bounded by time alone. A request
 * that reached an instance which then ended without an answer may be the reason of that end: it is tried three times in all.
 */

/** Attempts that reached an instance, in all. */
const mostReached = 3;
const firstPauseMs = 50;
const mostPauseMs = 1000;

export class Attempts {
  /** Instances to be tried again only when no other is left. */
  readonly tried = new Set<object>();
  number = 0;
  #numReached = 0;
  #pauseMs = firstPauseMs;

  begin(instance: object): void {
    this.number += 1;
    this.tried.add(instance);
  }

  /** The attempt reached its instance, and there is no answer that the client may see. */
  reached(): void {
    this.#numReached += 1;
  }

  get isSpent(): boolean {
    return this.#numReached >= mostReached;
  }

  /** Milliseconds before instances that have failed this request are tried again; longer each time. */
  nextPauseMs(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(mostPauseMs, this.#pauseMs * 1.5);
    return pauseMs;
  }
}

/** Whether the request may have been read: false where the connection was refused. */
export function hasReached(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return !(cause instanceof Error && "code" in cause && unconnected.has(String(cause.code)));
}

const unconnected: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
]);
