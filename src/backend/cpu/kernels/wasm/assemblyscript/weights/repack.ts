// Repacks stored tensors into the layout of src/backend/cpu/footprint/weight-layout.ts, one row pack at a time.
//
// Exact: Q4_0 (min = −8·d, exact in f16), Q4_1 → q4; Q5_0, Q8_0 → q8; floats to their own or a wider type.
// Rounded: Q4_K → q4 keeps its q; scale d·sc and min −dmin·m are rounded to f16 (relative 2^-11).
//          Q5_1, Q5_K, Q6_K → q8: w as f32, then scale = max|w|/127 in f16 and q = round(w / scale).
//          floats → q8 the same; floats → q4 by a least-squares fit (quantize-weights.ts).
// Limit: memory for the exact ones; instructions for fits.
import {
  decodeGroup, minOfK, scaleOfK, spreadFives, spreadNibbles, spreadQ4K, typeBf16, typeF16, typeF32, typeQ40, typeQ41,
  typeQ4K, typeQ50, typeQ80,
} from "./decode";
import { half, toHalf } from "../numbers/half";
import {
  job_end, job_start, repackMatrix_numCols, repackMatrix_numRows, repackMatrix_out, repackMatrix_rowMap,
  repackMatrix_scratch, repackMatrix_source, repackMatrix_sourceRowBytes, repackMatrix_sourceType, repackMatrix_storage,
  repackVector_addend, repackVector_elementMap, repackVector_out, repackVector_source, repackVector_sourceType,
} from "../job-fields";
import { toInt4, toInt8 } from "./quantize-weights";

const storageQ4: u32 = 0;
const storageQ8: u32 = 1;
const storageF16: u32 = 2;
const storageBf16: u32 = 3;

/** 32 nibbles at `q`, one per byte, into row r of a q4 group; params are {scale, min} f16. */
function placeQ4(group: usize, r: usize, q: usize, params: usize): void {
  store<u16>(group + 2 * r, load<u16>(params));
  store<u16>(group + 2 * r, load<u16>(params, 2), 16);
  for (let j: usize = 0; j < 4; j++)
    store<u32>(group + 32 + 32 * j + 4 * r, load<u32>(q + 8 * j) | (load<u32>(q + 8 * j, 4) << 4));
}

function placeQ8(group: usize, r: usize, q: usize, params: usize): void {
  store<u16>(group + 2 * r, load<u16>(params));
  for (let j: usize = 0; j < 8; j++) store<u32>(group + 16 + 32 * j + 4 * r, load<u32>(q + 4 * j));
}

/** Group g of a row as nibbles and {scale, min}. */
function groupToQ4(row: usize, g: u32, type: u32, q: usize, params: usize, floats: usize): void {
  if (type == typeQ40) {
    const block = row + <usize>g * 18;
    spreadNibbles(block + 2, q);
    store<u16>(params, load<u16>(block));
    store<u16>(params, <u16>toHalf(-8 * half(block)), 2);
  } else if (type == typeQ41) {
    const block = row + <usize>g * 20;
    spreadNibbles(block + 4, q);
    store<u32>(params, load<u32>(block));
  } else if (type == typeQ4K) {
    const block = row + <usize>(g >>> 3) * 144, sub = g & 7;
    spreadQ4K(block, sub, q);
    store<u16>(params, <u16>toHalf(half(block) * <f32>scaleOfK(block + 4, sub)));
    store<u16>(params, <u16>toHalf(-half(block + 2) * <f32>minOfK(block + 4, sub)), 2);
  } else {
    decodeGroup(row, g, type, q, floats);
    toInt4(floats, q, params);
  }
}

/** Group g of a row as signed bytes and a scale. */
function groupToQ8(row: usize, g: u32, type: u32, q: usize, params: usize, floats: usize): void {
  if (type == typeQ80) {
    const block = row + <usize>g * 34;
    store<u16>(params, load<u16>(block));
    memory.copy(q, block + 2, 32);
  } else if (type == typeQ50) {
    const block = row + <usize>g * 22;
    spreadFives(block + 6, load<u32>(block, 2), q);
    for (let i: usize = 0; i < 32; i++) store<i8>(q + i, <i8>(<i32>load<u8>(q + i) - 16));
    store<u16>(params, load<u16>(block));
  } else {
    decodeGroup(row, g, type, q, floats);
    toInt8(floats, q, params);
  }
}

/** Packs one row as row r of its row pack. scratch: 128 bytes of floats, 32 of q, 4 of params. */
function repackQuantisedRow(job: usize, row: usize, rowPack: usize, r: usize, numGroups: u32, scratch: usize): void {
  const type = load<u32>(job, repackMatrix_sourceType), storage = load<u32>(job, repackMatrix_storage);
  const q = scratch + 128, params = scratch + 160;
  for (let g: u32 = 0; g < numGroups; g++) {
    if (storage == storageQ4) {
      groupToQ4(row, g, type, q, params, scratch);
      placeQ4(rowPack + <usize>g * 160, r, q, params);
    } else {
      groupToQ8(row, g, type, q, params, scratch);
      placeQ8(rowPack + <usize>g * 272, r, q, params);
    }
  }
}

// @ts-ignore: decorator
@inline
function floatAt(source: usize, index: usize, type: u32): f32 {
  if (type == typeF32) return load<f32>(source + 4 * index);
  if (type == typeBf16) return reinterpret<f32>(<u32>load<u16>(source + 2 * index) << 16);
  return half(source + 2 * index);
}

// @ts-ignore: decorator
@inline
function storeFloat(at: usize, index: usize, value: f32, storage: u32): void {
  if (storage == storageF16) store<u16>(at + 2 * index, <u16>toHalf(value));
  else if (storage == storageBf16) store<u16>(at + 2 * index, <u16>toBf16(value));
  else store<f32>(at + 4 * index, value);
}

/** Nearest, ties to even. */
// @ts-ignore: decorator
@inline
function toBf16(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function repackFloatRow(job: usize, row: usize, rowPack: usize, r: usize, numCols: u32, scratch: usize): void {
  const type = load<u32>(job, repackMatrix_sourceType), storage = load<u32>(job, repackMatrix_storage);
  const sameBits = (type == typeF16 && storage == storageF16) || (type == typeBf16 && storage == storageBf16);
  if (sameBits) {
    for (let k: usize = 0; k < <usize>numCols; k++) store<u16>(rowPack + 2 * (8 * k + r), load<u16>(row + 2 * k));
  } else if (type <= typeBf16) {
    for (let k: usize = 0; k < <usize>numCols; k++) storeFloat(rowPack, 8 * k + r, floatAt(row, k, type), storage);
  } else {
    for (let g: u32 = 0; g < numCols >>> 5; g++) {
      decodeGroup(row, g, type, scratch + 128, scratch);
      for (let i: usize = 0; i < 32; i++)
        storeFloat(rowPack, 8 * (<usize>(g << 5) + i) + r, load<f32>(scratch + 4 * i), storage);
    }
  }
}

function rowPackBytes(storage: u32, numCols: u32): usize {
  if (storage == storageQ4) return <usize>(numCols >>> 5) * 160;
  if (storage == storageQ8) return <usize>(numCols >>> 5) * 272;
  return <usize>numCols * (storage == storageF16 || storage == storageBf16 ? 16 : 32);
}

export function repackMatrix(job: usize): void {
  const numCols = load<u32>(job, repackMatrix_numCols), numRows = load<u32>(job, repackMatrix_numRows);
  const storage = load<u32>(job, repackMatrix_storage), scratch = <usize>load<u32>(job, repackMatrix_scratch);
  const source = <usize>load<u32>(job, repackMatrix_source), rowBytes = <usize>load<u32>(job, repackMatrix_sourceRowBytes);
  const rowMap = <usize>load<u32>(job, repackMatrix_rowMap), perRowPack = rowPackBytes(storage, numCols);
  for (let index = load<u32>(job, job_start), end = load<u32>(job, job_end); index < end; index++) {
    const rowPack = <usize>load<u32>(job, repackMatrix_out) + <usize>index * perRowPack;
    if ((index << 3) + 8 > numRows) memory.fill(rowPack, 0, perRowPack);
    for (let r: u32 = 0; r < 8 && (index << 3) + r < numRows; r++) {
      const out = (index << 3) + r, stored = rowMap ? load<u32>(rowMap + (out << 2)) : out;
      const row = source + <usize>stored * rowBytes;
      if (storage <= storageQ8) repackQuantisedRow(job, row, rowPack, r, numCols >>> 5, scratch);
      else repackFloatRow(job, row, rowPack, r, numCols, scratch);
    }
  }
}

/** Plain code, since vectors are few and short. */
export function repackVector(job: usize): void {
  const source = <usize>load<u32>(job, repackVector_source), out = <usize>load<u32>(job, repackVector_out);
  const map = <usize>load<u32>(job, repackVector_elementMap), type = load<u32>(job, repackVector_sourceType);
  const addend = load<f32>(job, repackVector_addend);
  for (let i = load<u32>(job, job_start), end = load<u32>(job, job_end); i < end; i++) {
    const stored = map ? load<u32>(map + (i << 2)) : i;
    store<f32>(out + (i << 2), floatAt(source, stored, type) + addend);
  }
}
