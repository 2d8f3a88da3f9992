/**
 * @module Encodings of plain numbers of one, two and three bits. Layouts: ggml-common.h (block_q2_K, block_q3_K, block_tq1_0,
 * block_tq2_0, block_q1_0, block_q2_0).
 */
import { type DecodedBlock, halfAt, nibbleAt } from "./decoded-block.ts";

/** Two bits a number: of 32 bytes the lowest pairs hold numbers 0 … 31, the next ones 32 … 63, and so on up to 127. */
function crumbAt(bytes: DataView, at: number, i: number): number {
  return (bytes.getUint8(at + (i >> 7) * 32 + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
}

/** { 16 bytes: scale low nibble, minimum high | 64 bytes of pairs | d f16 | dmin f16 }, w = d·s·q − dmin·m */
export function decodeQ2K(bytes: DataView, start: number, { numbers, scales, offsets }: DecodedBlock): void {
  const [d, dmin] = [halfAt(bytes, start + 80), halfAt(bytes, start + 82)];
  for (let run = 0; run < 16; run++) {
    scales[run] = d * nibbleAt(bytes, start, 2 * run);
    offsets[run] = -dmin * nibbleAt(bytes, start, 2 * run + 1);
  }
  for (let i = 0; i < 256; i++) numbers[i] = crumbAt(bytes, start + 16, i);
}

/**
 * { 32 bytes: bit b of byte l belongs to number 32b + l | 64 bytes of pairs | 12 bytes of 6-bit scales | d f16 },
 * w = d·(s − 32)·(q − 4), q's third bit from the first bytes. Products of the two are whole numbers from −124 to 128.
 */
export function decodeQ3K(bytes: DataView, start: number, { numbers, scales, offsets }: DecodedBlock): void {
  scales.fill(halfAt(bytes, start + 108));
  offsets.fill(0);
  for (let i = 0; i < 256; i++) {
    const third = (bytes.getUint8(start + (i & 31)) >> (i >> 5)) & 1;
    const q = crumbAt(bytes, start + 32, i) | (third << 2);
    numbers[i] = scaleOfQ3K(bytes, start + 96, i >> 4) * (q - 4);
  }
}

/** Low four bits: nibbles of 8 bytes, first all low ones; high two: pairs of the 4 bytes after them, in the same manner. */
function scaleOfQ3K(bytes: DataView, at: number, run: number): number {
  const low = (bytes.getUint8(at + (run & 7)) >> (run < 8 ? 0 : 4)) & 15;
  const high = (bytes.getUint8(at + 8 + (run & 3)) >> (2 * (run >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

/** Numbers from 0 on, with the scale d and the number that means 0. */
function levels({ scales, offsets }: DecodedBlock, d: number, zero: number): void {
  scales.fill(d);
  offsets.fill(-zero * d);
}

/**
 * { 48 bytes of five digits to base 3 | 4 bytes of four | d f16 }, w = d·(digit − 1). A byte holds digits as a fraction of
 * 256: digit n is the whole part of 3·(byte·3ⁿ mod 256)/256. 32 bytes hold numbers 0 … 159, 16 up to 239, 4 up to 255.
 */
export function decodeTQ1(bytes: DataView, start: number, block: DecodedBlock): void {
  levels(block, halfAt(bytes, start + 52), 1);
  const parts = [
    [0, 32, 0, 5],
    [32, 16, 160, 5],
    [48, 4, 240, 4],
  ] as const;
  for (const [firstByte, numBytes, firstNumber, numDigits] of parts)
    for (let l = 0; l < numBytes; l++) {
      let rest = bytes.getUint8(start + firstByte + l);
      for (let n = 0; n < numDigits; n++) {
        block.numbers[firstNumber + n * numBytes + l] = (rest * 3) >> 8;
        rest = (rest * 3) & 255;
      }
    }
}

/** { 64 bytes of pairs | d f16 }, w = d·(q − 1) */
export function decodeTQ2(bytes: DataView, start: number, block: DecodedBlock): void {
  levels(block, halfAt(bytes, start + 64), 1);
  for (let i = 0; i < 256; i++) block.numbers[i] = crumbAt(bytes, start, i);
}

/** { d f16 | 16 bytes: bit i of all }, w = d or −d: of the numbers 0 and 2 */
export function decodeQ1(bytes: DataView, start: number, block: DecodedBlock): void {
  levels(block, halfAt(bytes, start), 1);
  for (let i = 0; i < 128; i++)
    block.numbers[i] = 2 * ((bytes.getUint8(start + 2 + (i >> 3)) >> (i & 7)) & 1);
}

/** { d f16 | 16 bytes: four numbers each, the lowest bits first }, w = d·(q − 1) */
export function decodeQ2(bytes: DataView, start: number, block: DecodedBlock): void {
  levels(block, halfAt(bytes, start), 1);
  for (let i = 0; i < 64; i++) block.numbers[i] = (bytes.getUint8(start + 2 + (i >> 2)) >> (2 * (i & 3))) & 3;
}
