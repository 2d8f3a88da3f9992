// Prepares one KV head for attention: norms and rotates its query heads and its key, and stores key and value.
//
// It calls the functions of headNorm, rope and storeKv, so the bits are the same. It saves the barriers between the three.
import {
  job_end, job_start, prepareHeadsF16_eps, prepareHeadsF16_firstToken, prepareHeadsF16_headDim, prepareHeadsF16_key,
  prepareHeadsF16_keyNorm, prepareHeadsF16_keyStride, prepareHeadsF16_numTokens, prepareHeadsF16_positions,
  prepareHeadsF16_query, prepareHeadsF16_queryHeadsPerKvHead, prepareHeadsF16_queryNorm, prepareHeadsF16_rotaryDim,
  prepareHeadsF16_table,
} from "../job-fields";
import { normRow } from "../rows/norm";
import { turnHead } from "./rope";
import { storeKv } from "./store-kv";

function prepareHead(head: usize, headDim: u32, norm: usize, eps: f32, row: usize, rotaryDim: u32): void {
  if (norm != 0) normRow(head, head, headDim, norm, eps);
  turnHead(head, row, rotaryDim >>> 1);
}

function prepareHeads<T>(job: usize): void {
  const headDim = load<u32>(job, prepareHeadsF16_headDim), stride = <usize>load<u32>(job, prepareHeadsF16_keyStride);
  const key = <usize>load<u32>(job, prepareHeadsF16_key), query = <usize>load<u32>(job, prepareHeadsF16_query);
  const keyNorm = <usize>load<u32>(job, prepareHeadsF16_keyNorm), eps = load<f32>(job, prepareHeadsF16_eps);
  const queryNorm = <usize>load<u32>(job, prepareHeadsF16_queryNorm), table = <usize>load<u32>(job, prepareHeadsF16_table);
  const rotaryDim = load<u32>(job, prepareHeadsF16_rotaryDim), group = load<u32>(job, prepareHeadsF16_queryHeadsPerKvHead);
  const positions = <usize>load<u32>(job, prepareHeadsF16_positions), headBytes = <usize>(headDim << 2);
  const first = load<u32>(job, prepareHeadsF16_firstToken), end = first + load<u32>(job, prepareHeadsF16_numTokens);
  const firstHead = load<u32>(job, job_start), endHead = load<u32>(job, job_end);
  for (let t = first; t < end; t++) {
    const row = table + <usize>load<u32>(positions + (t << 2)) * (rotaryDim << 2), rowAt = t * stride;
    for (let h = firstHead * group; h < endHead * group; h++)
      prepareHead(query + rowAt + h * headBytes, headDim, queryNorm, eps, row, rotaryDim);
    for (let h = firstHead; h < endHead; h++)
      prepareHead(key + rowAt + h * headBytes, headDim, keyNorm, eps, row, rotaryDim);
  }
  storeKv<T>(job, first);
}

export function prepareHeadsF16(job: usize): void {
  prepareHeads<u16>(job);
}

export function prepareHeadsInt8(job: usize): void {
  prepareHeads<u8>(job);
}

export function prepareHeadsInt4(job: usize): void {
  prepareHeads<i8>(job);
}
