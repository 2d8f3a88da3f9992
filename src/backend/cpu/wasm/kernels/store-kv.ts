// This step's keys and values into their slots of the paged cache (src/core/kv-layout.ts has the picture).
//
// A token's scale and minimum come from its own head alone, so what is stored does not depend on how a prompt was cut.
// Bound: scattered 2-byte stores of the keys (a key is a column of its tile).
import { rotateHead } from "./hadamard";
import { half, toHalf, toHalves4 } from "./half";
import {
  job_end, job_start, storeKvF16_headDim, storeKvF16_key, storeKvF16_keyStride, storeKvF16_kv, storeKvF16_numKvHeads,
  storeKvF16_numTokens, storeKvF16_scratch, storeKvF16_slots, storeKvF16_value, storeKvF16_valueStride,
} from "./job-fields";
import { dataBytes, headBytes } from "./kv-tile";

/** Where column `lane` of the head's K tile begins; the V tile's row `lane` follows from it. */
function tileOf<T>(job: usize, token: u32, head: u32): usize {
  const slot = load<u32>(<usize>load<u32>(job, storeKvF16_slots) + (token << 2));
  const index = (slot >>> 4) * load<u32>(job, storeKvF16_numKvHeads) + head;
  return <usize>load<u32>(job, storeKvF16_kv) + <usize>index * <usize>headBytes<T>(load<u32>(job, storeKvF16_headDim));
}

function laneOf(job: usize, token: u32): u32 {
  return load<u32>(<usize>load<u32>(job, storeKvF16_slots) + (token << 2)) & 15;
}

function storeHeadF16(key: usize, value: usize, tile: usize, lane: u32, headDim: u32): void {
  let keys = tile + (lane << 1), values = tile + (headDim << 5) + lane * (headDim << 1);
  let d: u32 = 0;
  for (; d + 4 <= headDim; d += 4) {
    const k = toHalves4(v128.load(key + (d << 2)));
    v128.store16_lane(keys, k, 0, 0);
    v128.store16_lane(keys, k, 2, 32);
    v128.store16_lane(keys, k, 4, 64);
    v128.store16_lane(keys, k, 6, 96);
    const v = toHalves4(v128.load(value + (d << 2)));
    v128.store64_lane(values, i16x8.narrow_i32x4_u(v, v), 0);
    keys += 128;
    values += 8;
  }
  for (; d < headDim; d++) {
    const k = toHalves4(f32x4.splat(load<f32>(key + (d << 2)))), v = toHalves4(f32x4.splat(load<f32>(value + (d << 2))));
    store<u16>(keys, <u16>i32x4.extract_lane(k, 0));
    store<u16>(values, <u16>i32x4.extract_lane(v, 0));
    keys += 32;
    values += 2;
  }
}

function smallest(x: usize, n: u32): f32 {
  let found = load<f32>(x);
  for (let i: u32 = 1; i < n; i++) found = min<f32>(found, load<f32>(x + (i << 2)));
  return found;
}

function largest(x: usize, n: u32): f32 {
  let found = load<f32>(x);
  for (let i: u32 = 1; i < n; i++) found = max<f32>(found, load<f32>(x + (i << 2)));
  return found;
}

/** Writes {scale, min} as they will be read back, so that the rounding of both is part of what q corrects. */
function storeParams(at: usize, x: usize, n: u32, levels: f32): void {
  const low = smallest(x, n), high = largest(x, n);
  store<u16>(at, <u16>toHalf(low), 2);
  store<u16>(at, <u16>toHalf((high - half(at + 2)) / levels));
}

// @ts-ignore: decorator
@inline
function quantised(x: f32, scale: f32, lowest: f32, levels: f32): u32 {
  if (scale == 0) return 0;
  return <u32>max<f32>(0, min<f32>(levels, nearest<f32>((x - lowest) / scale)));
}

function storeHeadInt8(key: usize, value: usize, tile: usize, lane: u32, headDim: u32): void {
  const params = tile + 2 * dataBytes<u8>(headDim) + (lane << 2);
  storeParams(params, key, headDim, 255);
  storeParams(params + 64, value, headDim, 255);
  const keyScale = half(params), keyMin = half(params + 2), scale = half(params + 64), low = half(params + 66);
  const keys = tile + lane, values = tile + dataBytes<u8>(headDim) + lane * headDim;
  for (let d: u32 = 0; d < headDim; d++) {
    store<u8>(keys + (d << 4), <u8>quantised(load<f32>(key + (d << 2)), keyScale, keyMin, 255));
    store<u8>(values + d, <u8>quantised(load<f32>(value + (d << 2)), scale, low, 255));
  }
}

function storeKeyInt4(key: usize, tile: usize, lane: u32, headDim: u32, params: usize): void {
  storeParams(params, key, headDim, 15);
  const scale = half(params), low = half(params + 2), shift = (lane & 8) >>> 1;
  for (let d: u32 = 0; d < headDim; d++) {
    const at = tile + (d << 3) + (lane & 7), other = <u32>load<u8>(at) & (<u32>0xf0 >>> shift);
    store<u8>(at, <u8>(other | (quantised(load<f32>(key + (d << 2)), scale, low, 15) << shift)));
  }
}

function storeValueInt4(value: usize, row: usize, headDim: u32, params: usize): void {
  storeParams(params, value, headDim, 15);
  const scale = half(params), base = half(params + 2), middle = headDim >>> 1;
  for (let d: u32 = 0; d < middle; d++) {
    const low = quantised(load<f32>(value + (d << 2)), scale, base, 15);
    store<u8>(row + d, <u8>(low | (quantised(load<f32>(value + ((d + middle) << 2)), scale, base, 15) << 4)));
  }
}

function storeHeadInt4(key: usize, value: usize, tile: usize, lane: u32, headDim: u32, scratch: usize): void {
  const params = tile + 2 * dataBytes<i8>(headDim) + (lane << 2);
  memory.copy(scratch, key, headDim << 2);
  rotateHead(scratch, headDim);
  storeKeyInt4(scratch, tile, lane, headDim, params);
  memory.copy(scratch, value, headDim << 2);
  rotateHead(scratch, headDim);
  storeValueInt4(scratch, tile + dataBytes<i8>(headDim) + lane * (headDim >>> 1), headDim, params + 64);
}

function storeKv<T>(job: usize): void {
  const headDim = load<u32>(job, storeKvF16_headDim), numTokens = load<u32>(job, storeKvF16_numTokens);
  const keyStride = load<u32>(job, storeKvF16_keyStride), valueStride = load<u32>(job, storeKvF16_valueStride);
  for (let head = load<u32>(job, job_start), end = load<u32>(job, job_end); head < end; head++) {
    let key = <usize>load<u32>(job, storeKvF16_key) + ((head * headDim) << 2);
    let value = <usize>load<u32>(job, storeKvF16_value) + ((head * headDim) << 2);
    for (let t: u32 = 0; t < numTokens; t++) {
      const tile = tileOf<T>(job, t, head), lane = laneOf(job, t);
      if (sizeof<T>() == 2) storeHeadF16(key, value, tile, lane, headDim);
      else if (isSigned<T>()) storeHeadInt4(key, value, tile, lane, headDim, load<u32>(job, storeKvF16_scratch));
      else storeHeadInt8(key, value, tile, lane, headDim);
      key += keyStride;
      value += valueStride;
    }
  }
}

export function storeKvF16(job: usize): void {
  storeKv<u16>(job);
}

export function storeKvInt8(job: usize): void {
  storeKv<u8>(job);
}

export function storeKvInt4(job: usize): void {
  storeKv<i8>(job);
}
