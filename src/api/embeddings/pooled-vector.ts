/** @module The vector of an embedding: pooled hidden states, normalized unless the request says otherwise. */

/** Of length 1; a vector of zeros stays as it is. */
export function normalized(vector: Float32Array): Float32Array {
  let sumOfSquares = 0;
  for (const value of vector) sumOfSquares += value * value;
  const length = Math.sqrt(sumOfSquares);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** Digits that tell every float32 from its neighbours. */
const float32Digits = 9;

/** A JSON array of the shortest numbers that are read back as the same float32. */
export function vectorJson(vector: Float32Array): string {
  return `[${Array.from(vector, (value) => Number(value.toPrecision(float32Digits))).join()}]`;
}

/** Little-endian float32, as base64. */
export function vectorBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
}
