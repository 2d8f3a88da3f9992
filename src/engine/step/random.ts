/** @module Random numbers as a function of seed, sequence and position, so that text does not change with the load. */

// Threefry-2x32, 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based
// generator of additions, rotations and xors, so draw k needs neither a state nor the draws before it.
const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const keyParity = 0x1bd11bda;
const two26 = 2 ** 26;
const two32 = 2 ** 32;
const two53 = 2 ** 53;
const numRounds = 20;

const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/**
 * Uniform in [0, 1) with 53 bits, a function of its arguments alone.
 *
 * @param seed any integer of at most 53 bits; the key
 * @param sequenceIndex which of the request's n sequences; the counter's first word
 * @param position index of the output token; the counter's second word
 */
export function uniformAt(seed: number, sequenceIndex: number, position: number): number {
  const key0 = seed | 0;
  const key1 = Math.floor(seed / two32) | 0;
  const keys = [key0, key1, key0 ^ key1 ^ keyParity] as const;
  let x0 = (sequenceIndex + key0) | 0;
  let x1 = (position + key1) | 0;
  for (let round = 0; round < numRounds; round++) {
    x0 = (x0 + x1) | 0;
    x1 = rotateLeft(x1, rotations[round & 7] as number) ^ x0;
    if ((round & 3) === 3) {
      const injection = (round >> 2) + 1;
      x0 = (x0 + (keys[injection % 3] as number)) | 0;
      x1 = (x1 + (keys[(injection + 1) % 3] as number) + injection) | 0;
    }
  }
  return ((x0 >>> 5) * two26 + (x1 >>> 6)) / two53;
}
