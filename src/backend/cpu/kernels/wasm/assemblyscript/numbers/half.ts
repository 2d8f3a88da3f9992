// 16-bit floats. WebAssembly has no instructions for them. The bits of an f16, shifted to their place in an f32, are the number
// times 2^-112; so a conversion is a shift, a mask and a product (which is often part of another factor).
import { foldWhole, halfBits } from "./constants";

/** Four f16 at `at`, each times 2^-112; exact, subnormals and signs included (infinities become 2^16 · 2^-112). */
// @ts-ignore: decorator
@inline
export function halves4Raw(at: usize): v128 {
  return v128.and(i32x4.shl(v128.load16x4_s(at), 13), halfBits);
}

// @ts-ignore: decorator
@inline
export function halves4(at: usize): v128 {
  return f32x4.mul(halves4Raw(at), foldWhole);
}

// @ts-ignore: decorator
@inline
export function bfloats4(at: usize): v128 {
  return i32x4.shl(v128.load16x4_u(at), 16);
}

// @ts-ignore: decorator
@inline
export function half(at: usize): f32 {
  return halfOf(<i32>load<i16>(at));
}

/** `bits` sign-extended. */
// @ts-ignore: decorator
@inline
export function halfOf(bits: i32): f32 {
  return reinterpret<f32>((bits << 13) & 0x8fffffff) * <f32>5192296858534827628530496329220096.0;
}

/** The f16 nearest to x, ties to even; |x| beyond 65504 becomes ±65504. */
export function toHalf(x: f32): u32 {
  const sign = (reinterpret<u32>(x) >>> 16) & 0x8000;
  const magnitude = min<f32>(abs<f32>(x), 65504.0);
  if (magnitude < <f32>6.103515625e-5) {
    // A subnormal f16 is a multiple of 2^-24, the weight of the last bit of 0.5 + x in f32.
    return sign | (reinterpret<u32>(magnitude + <f32>0.5) - reinterpret<u32>(<f32>0.5));
  }
  const bits = reinterpret<u32>(magnitude);
  return sign | ((bits + 0xfff + ((bits >>> 13) & 1) - 0x38000000) >>> 13);
}

/**
 * Four numbers to f16 bits (in 32-bit lanes), ties to even, saturating. Numbers below 6.1e-5, which would be subnormal, become 0:
 * on many processors a product with a subnormal takes a hundred times longer, and these f16 are read with an exponent shifted
 * down to the subnormal range.
 */
export function toHalves4(x: v128): v128 {
  const magnitude = f32x4.min(f32x4.abs(x), f32x4.splat(65504.0));
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const rounded = i32x4.add(i32x4.add(magnitude, odd), i32x4.splat(0xfff - 0x38000000));
  const normal = f32x4.ge(magnitude, f32x4.splat(6.103515625e-5));
  return v128.or(sign, v128.and(normal, i32x4.shr_u(rounded, 13)));
}
