// Vector constants as mutable exported globals, which are never changed. V8 builds a literal v128 at every use (three
// instructions, even in inner loops); a mutable global it loads once into a register.

/** 15 in every byte: the low nibbles. */
export let nibbles: v128 = i8x16.splat(15);
/** 1 in every 16 bits: as a factor, it turns multiplying and adding pairs into adding pairs. */
export let ones16: v128 = i16x8.splat(1);
/** Mask for a sign-extended f16 shifted left by 13: its sign and its 15 bits, without bits of a neighbour. */
export let halfBits: v128 = i32x4.splat(0x8fffe000);
/** 2^100 and 2^12: together the factor 2^112 that turns the shifted bits of an f16 into its value. */
export let foldScales: v128 = f32x4.splat(1267650600228229401496703205376.0);
export let foldEnd: v128 = f32x4.splat(4096.0);
export let foldWhole: v128 = f32x4.splat(5192296858534827628530496329220096.0);

export let fifteen: v128 = f32x4.splat(15.0);
export let one: v128 = f32x4.splat(1.0);
export let expLowest: v128 = f32x4.splat(-87.0);
export let expHighest: v128 = f32x4.splat(88.0);
export let log2OfE: v128 = f32x4.splat(1.4426950408889634);
/** ln 2 in two parts: the first has 12 bits, so that its product with a whole number below 2^11 is exact. */
export let ln2High: v128 = f32x4.splat(-0.693359375);
export let ln2Low: v128 = f32x4.splat(2.12194440054690583e-4);
export let inverse2: v128 = f32x4.splat(1.0 / 2.0);
export let inverse6: v128 = f32x4.splat(1.0 / 6.0);
export let inverse24: v128 = f32x4.splat(1.0 / 24.0);
export let inverse120: v128 = f32x4.splat(1.0 / 120.0);
export let inverse720: v128 = f32x4.splat(1.0 / 720.0);
export let inverse5040: v128 = f32x4.splat(1.0 / 5040.0);
export let exponentBias: v128 = i32x4.splat(127);
export let minusInfinity: v128 = f32x4.splat(-Infinity);
