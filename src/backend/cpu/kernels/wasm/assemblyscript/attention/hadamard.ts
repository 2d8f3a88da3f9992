// Rotation of a head by a Hadamard matrix, so that int4 sees no outliers: the largest power of two that divides
// headDim is the block, each block is rotated separately, and the matrix is orthonormal and its own inverse.

export function rotateHead(x: usize, headDim: u32): void {
  const block = headDim & (0 - headDim);
  for (let half: u32 = 1; half < block; half <<= 1) {
    for (let i: u32 = 0; i < headDim; i += half << 1) {
      if (half >= 4) turnVectors(x + (i << 2), half);
      else turnScalars(x + (i << 2), half);
    }
  }
  scaleHead(x, headDim, <f32>1.0 / sqrt<f32>(<f32>block));
}

function turnVectors(x: usize, half: u32): void {
  const other = <usize>(half << 2);
  for (const last = x + other; x < last; x += 16) {
    const a = v128.load(x), b = v128.load(x + other);
    v128.store(x, f32x4.add(a, b));
    v128.store(x + other, f32x4.sub(a, b));
  }
}

function turnScalars(x: usize, half: u32): void {
  const other = <usize>(half << 2);
  for (const last = x + other; x < last; x += 4) {
    const a = load<f32>(x), b = load<f32>(x + other);
    store<f32>(x, a + b);
    store<f32>(x + other, a - b);
  }
}

function scaleHead(x: usize, headDim: u32, factor: f32): void {
  let i: u32 = 0;
  for (; i + 4 <= headDim; i += 4) v128.store(x + (i << 2), f32x4.mul(v128.load(x + (i << 2)), f32x4.splat(factor)));
  for (; i < headDim; i++) store<f32>(x + (i << 2), load<f32>(x + (i << 2)) * factor);
}
