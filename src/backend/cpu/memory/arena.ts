/** @module One shared memory of at most 4 GiB, and the bump allocator that records what lies in it. */
import { PagodaError } from "../../../core/errors.ts";
import type { FootprintComponent } from "../../../core/footprint.ts";
import type { Allocation } from "../../backend.ts";
import { arenaPageBytes } from "../footprint/buffer-sizes.ts";
import { roundUp64 } from "../footprint/workspace-layout.ts";

/** Views over a whole arena. Byte offset b is element b/4 of i32 and f32 and b/8 of f64. */
export interface ArenaViews {
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
}

/** Reserves `numBytes` (whole pages) of address space; pages become resident when they are first touched. */
export function createArena(numBytes: number): ArenaViews {
  const numPages = numBytes / arenaPageBytes;
  try {
    return viewsOf(new WebAssembly.Memory({ initial: numPages, maximum: numPages, shared: true }));
  } catch (cause) {
    throw new PagodaError("memory_too_small", `Could not allocate ${numBytes} bytes of memory.`, {
      hint: "Use fewer blocks (--num-gpu-blocks-override) or a smaller --memory.",
      cause,
    });
  }
}

export function viewsOf(memory: WebAssembly.Memory): ArenaViews {
  return {
    memory,
    u8: new Uint8Array(memory.buffer),
    i32: new Int32Array(memory.buffer),
    f32: new Float32Array(memory.buffer),
    f64: new Float64Array(memory.buffer),
  };
}

/** Hands out consecutive ranges of one arena. Nothing is ever given back: an arena lives as long as its model. */
export class BumpAllocator {
  readonly allocations: Allocation[] = [];
  #endBytes = 0;

  get endBytes(): number {
    return this.#endBytes;
  }

  /** Byte offset of a new range that begins at a multiple of 64. */
  allocate(component: FootprintComponent, name: string, numBytes: number, rank?: number): number {
    const offset = this.#endBytes;
    const roundedBytes = roundUp64(numBytes);
    this.#endBytes += roundedBytes;
    const owner = rank === undefined ? {} : { rank };
    this.allocations.push({ ...owner, component, name, numBytes: roundedBytes });
    return offset;
  }
}
