/** @module Work that is done again and again, and left out while the process may open no further file. */

/** The process, or the machine, has as many open files as it may have. */
export function hasNoDescriptors(thrown: unknown): boolean {
  const { code } = (thrown ?? {}) as { readonly code?: unknown };
  return code === "EMFILE" || code === "ENFILE";
}

/**
 * Does the work every so many milliseconds. A turn that fails for want of descriptors is left out: the next one comes, and
 * a server that is busy must not end for a measurement. Any other error ends the process as it would without this.
 */
export function periodically(everyMs: number, work: () => unknown): NodeJS.Timeout {
  return setInterval(() => void turn(work), everyMs);
}

async function turn(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!hasNoDescriptors(thrown)) throw thrown;
  }
}
