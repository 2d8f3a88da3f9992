// Embedding: one row of a row pack as f32, times a scale. Limit: cache misses, one or more for each group of the row, since the
// groups of a row are a few hundred bytes apart.
import { half } from "../numbers/half";
import {
  embed_out, embed_outStride, embed_scale, embed_storage, embed_tokenIds, embed_weights, embed_width, job_end, job_start,
} from "../job-fields";

function fromQ4(rowPack: usize, r: usize, out: usize, width: u32, scale: f32): void {
  for (let k: u32 = 0; k < width; k += 32) {
    const ws = half(rowPack + 2 * r), wm = half(rowPack + 16 + 2 * r);
    for (let i: u32 = 0; i < 32; i++) {
      const pair = <u32>load<u8>(rowPack + 32 + ((i >>> 3) << 5) + 4 * r + (i & 3));
      store<f32>(out + ((k + i) << 2), (ws * <f32>((pair >>> (i & 4)) & 15) + wm) * scale);
    }
    rowPack += 160;
  }
}

function fromQ8(rowPack: usize, r: usize, out: usize, width: u32, scale: f32): void {
  for (let k: u32 = 0; k < width; k += 32) {
    const ws = half(rowPack + 2 * r);
    for (let i: u32 = 0; i < 32; i++) {
      const q = <f32>load<i8>(rowPack + 16 + ((i >>> 2) << 5) + 4 * r + (i & 3));
      store<f32>(out + ((k + i) << 2), ws * q * scale);
    }
    rowPack += 272;
  }
}

function fromFloats(rowPack: usize, r: usize, out: usize, width: u32, scale: f32, storage: u32): void {
  for (let k: u32 = 0; k < width; k++) {
    const index = <usize>((k << 3) + r);
    let w: f32;
    if (storage == 2) w = half(rowPack + 2 * index);
    else if (storage == 3) w = reinterpret<f32>(<u32>load<u16>(rowPack + 2 * index) << 16);
    else w = load<f32>(rowPack + 4 * index);
    store<f32>(out + (k << 2), w * scale);
  }
}

function rowPackBytes(storage: u32, width: u32): usize {
  if (storage == 0) return (width >>> 5) * 160;
  if (storage == 1) return (width >>> 5) * 272;
  return width * (storage == 4 ? 32 : 16);
}

export function embed(job: usize): void {
  const tokenIds = <usize>load<u32>(job, embed_tokenIds), weights = <usize>load<u32>(job, embed_weights);
  const width = load<u32>(job, embed_width), storage = load<u32>(job, embed_storage), scale = load<f32>(job, embed_scale);
  const perRowPack = rowPackBytes(storage, width);
  for (let t = load<u32>(job, job_start), end = load<u32>(job, job_end); t < end; t++) {
    const id = load<u32>(tokenIds + (t << 2));
    const rowPack = weights + (id >>> 3) * perRowPack, r = <usize>(id & 7);
    const out = <usize>load<u32>(job, embed_out) + t * <usize>load<u32>(job, embed_outStride);
    if (storage == 0) fromQ4(rowPack, r, out, width, scale);
    else if (storage == 1) fromQ8(rowPack, r, out, width, scale);
    else fromFloats(rowPack, r, out, width, scale, storage);
  }
}
