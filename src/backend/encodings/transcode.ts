/**
 * @module Encodings that become blocks of another one before they are repacked: of Q8_0 where their levels need eight bits,
 * of Q4_1 where 16 are enough. The repacking kernels read those two, so they need not know these.
 *
 * Where all of a group's 32 weights have one scale, its numbers are kept and only the scale is rounded, to f16 (not even
 * that where it is an f16 itself). A group with two scales is rounded to steps of its largest weight / 127.
 */
import { tensorTypeFacts } from "../../core/tensor-type.ts";
import { groupWidth } from "../../core/weight-storage.ts";
import { blockDecoders } from "./block-decoders.ts";
import { type DecodedBlock, emptyBlock, weightsPerScale } from "./decoded-block.ts";
import { type TranscodedType, transcodingTargets } from "./transcoded-types.ts";

/**
 * Whole blocks of `type` at `source` become blocks of its target at `out`, their weights times `factor`. Both may lie in
 * the same bytes if the source ends where the result does: a block is read before its result is written.
 */
export function transcode(type: TranscodedType, source: DataView, out: DataView, factor: number): void {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  const { bytesPerBlock: groupBytes } = tensorTypeFacts[transcodingTargets[type]];
  const decode = blockDecoders[type];
  const write = transcodingTargets[type] === "Q4_1" ? writeQ4 : writeQ8;
  const block = emptyBlock();
  const numGroups = weightsPerBlock / groupWidth;
  for (let start = 0, at = 0; start < source.byteLength; start += bytesPerBlock) {
    decode(source, start, block);
    for (let group = 0; group < numGroups; group++, at += groupBytes) write(block, group, factor, out, at);
  }
}

const largestHalf = 65_504;

function setHalf(out: DataView, at: number, value: number): void {
  out.setFloat16(at, Math.min(Math.max(value, -largestHalf), largestHalf), true);
}

/** A Q4_1 block; the group has one scale and one offset, and numbers from 0 to 15. */
function writeQ4(
  { numbers, scales, offsets }: DecodedBlock,
  group: number,
  factor: number,
  out: DataView,
  at: number,
) {
  const [run, first] = [(group * groupWidth) / weightsPerScale, group * groupWidth];
  setHalf(out, at, (scales[run] ?? 0) * factor);
  setHalf(out, at + 2, (offsets[run] ?? 0) * factor);
  for (let i = 0; i < 16; i++)
    out.setUint8(at + 4 + i, (numbers[first + i] ?? 0) | ((numbers[first + 16 + i] ?? 0) << 4));
}

/** A Q8_0 block. */
function writeQ8(block: DecodedBlock, group: number, factor: number, out: DataView, at: number): void {
  const sign = signThatFits(block, group);
  if (sign === 0) writeRounded(block, group, factor, out, at);
  else {
    setHalf(out, at, sign * (block.scales[2 * group] ?? 0) * factor);
    for (let i = 0; i < groupWidth; i++)
      out.setInt8(at + 2 + i, sign * (block.numbers[group * groupWidth + i] ?? 0));
  }
}

/** 1 where the group's numbers fit eight bits as they are, −1 where they do with the sign in the scale, 0 where not. */
function signThatFits({ numbers, scales, offsets }: DecodedBlock, group: number): 1 | -1 | 0 {
  const run = 2 * group;
  if (scales[run] !== scales[run + 1] || offsets[run] !== 0 || offsets[run + 1] !== 0) return 0;
  let [lowest, highest] = [0, 0];
  for (let i = group * groupWidth; i < (group + 1) * groupWidth; i++) {
    const number = numbers[i] ?? 0;
    if (number < lowest) lowest = number;
    if (number > highest) highest = number;
  }
  if (lowest >= -128 && highest <= 127) return 1;
  return lowest >= -127 && highest <= 128 ? -1 : 0;
}

const rounded = new Float64Array(groupWidth);

/** To the nearest of 255 steps under the scale as it will be read back. */
function writeRounded(
  { numbers, scales, offsets }: DecodedBlock,
  group: number,
  factor: number,
  out: DataView,
  at: number,
): void {
  let largest = 0;
  for (let i = 0; i < groupWidth; i++) {
    const run = 2 * group + (i >> 4);
    const weight =
      ((scales[run] ?? 0) * (numbers[group * groupWidth + i] ?? 0) + (offsets[run] ?? 0)) * factor;
    rounded[i] = weight;
    largest = Math.max(largest, Math.abs(weight));
  }
  setHalf(out, at, largest / 127);
  const scale = out.getFloat16(at, true);
  for (let i = 0; i < groupWidth; i++) {
    const q = scale === 0 ? 0 : Math.round((rounded[i] ?? 0) / scale);
    out.setInt8(at + 2 + i, Math.min(Math.max(q, -127), 127));
  }
}
