/** @module A quantized product in plain TypeScript, one rounding at a time, like a kernel without fused multiply-adds. */
import { groupWidth } from "../../../../../core/weight-storage.ts";
import { rowPackBytes, rowsPerPack } from "../../../footprint/weight-layout.ts";
import { quantizedBytes, tokensPerPack } from "../../../footprint/workspace-layout.ts";
import type { JobValues } from "../../jobs.ts";
import type { KernelArena } from "../../self-test/kernel-arena.ts";
import type { MatmulCase } from "../../self-test/quantized-matmul-case.ts";

const tokenPackGroupBytes = quantizedBytes(tokensPerPack, groupWidth);

function halfToNumber(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** The exact result of a kernel without fused multiply-adds for a token and row. @param old the contents of out before */
export function exactOutput(
  arena: KernelArena,
  c: MatmulCase,
  job: JobValues<"matmulQ4">,
  token: number,
  row: number,
  old: number,
): number {
  const { fround } = Math;
  const numGroups = c.numCols / groupWidth;
  let sum = 0;
  for (let group = 0; group < numGroups; group++) {
    const rowPack = Math.floor(row / rowsPerPack);
    const w =
      job.weights +
      rowPack * rowPackBytes(c.storage, c.numCols) +
      group * rowPackBytes(c.storage, groupWidth);
    const x = job.input + (Math.floor(token / tokensPerPack) * numGroups + group) * tokenPackGroupBytes;
    const lane = token % tokensPerPack;
    const xScale = arena.f32[(x + 128) / 4 + lane] ?? 0;
    const scale = halfToNumber(arena.u16[w / 2 + (row % rowsPerPack)] ?? 0);
    let dot = 0;
    for (let k = 0; k < groupWidth; k++)
      dot += weightAt(arena, c.storage, w, row % rowsPerPack, k) * byteAt(arena, x, lane, k);
    sum = fround(sum + fround(fround(scale * xScale) * dot));
    if (c.storage !== "q4") continue;
    const min = halfToNumber(arena.u16[w / 2 + rowsPerPack + (row % rowsPerPack)] ?? 0);
    sum = fround(sum + fround(min * fround(xScale * (arena.f32[(x + 144) / 4 + lane] ?? 0))));
  }
  const bias = job.bias === 0 ? -0 : (arena.f32[job.bias / 4 + row] ?? 0);
  const value = fround(fround(sum + bias) * fround(job.scale));
  return c.accumulate ? fround(old + value) : value;
}

function weightAt(
  arena: KernelArena,
  storage: MatmulCase["storage"],
  group: number,
  row: number,
  k: number,
): number {
  if (storage === "q8")
    return ((arena.bytes[group + 16 + (k >> 2) * 32 + 4 * row + (k & 3)] ?? 0) << 24) >> 24;
  const byte = arena.bytes[group + 32 + (k >> 3) * 32 + 4 * row + (k & 3)] ?? 0;
  return (k & 4) === 0 ? byte & 15 : byte >> 4;
}

function byteAt(arena: KernelArena, group: number, lane: number, k: number): number {
  return ((arena.bytes[group + (k >> 2) * 16 + 4 * lane + (k & 3)] ?? 0) << 24) >> 24;
}
