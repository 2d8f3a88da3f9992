/**
 * @module What PyTorch's caching allocator counts as allocated for a list of tensors made one after another.
 *
 * A tensor is rounded to 512 bytes. Up to 1 MiB it comes out of small segments, where the rest is always split off. Above,
 * it takes the smallest free block that holds it, or a new segment: 20 MiB for tensors below 10 MiB, else the tensor rounded
 * to 2 MiB. The rest of a large block is split off only where more than 1 MiB would remain; otherwise the tensor is billed
 * for the whole block. That is why Qwen2.5-7B prints 57 MiB more than its parameters. Source: c10/cuda/CUDACachingAllocator.
 */
import { mib, roundUp } from "./bytes.ts";

const smallLimit = mib;
const largeSegment = 20 * mib;
const directLimit = 10 * mib;

/** Inserts a block, smallest first. */
function insert(free: number[], block: number): void {
  let at = free.length;
  while (at > 0 && (free[at - 1] ?? 0) > block) at--;
  free.splice(at, 0, block);
}

/** Bytes counted as allocated after making tensors of these sizes, in order, with nothing freed between. */
export function allocatedBytes(sizes: Iterable<number>): number {
  const free: number[] = [];
  let total = 0;
  for (const size of sizes) {
    if (size <= 0) continue;
    const wanted = roundUp(size, 512);
    if (wanted <= smallLimit) {
      total += wanted;
      continue;
    }
    const at = free.findIndex((block) => block >= wanted);
    const segment = wanted < directLimit ? largeSegment : roundUp(wanted, 2 * mib);
    const block = at === -1 ? segment : (free.splice(at, 1)[0] ?? segment);
    const rest = block - wanted;
    if (rest > smallLimit) {
      insert(free, rest);
      total += wanted;
    } else total += block;
  }
  return total;
}
