/** @module Python's `int`: a number while it is a safe integer, else a bigint, of a bounded length. */
import { chargeSteps } from "./bounds.ts";
import { TemplateLimitError } from "./errors.ts";

/** Longer integers are refused: about as many digits as Python prints. */
const maxBits = 16_384;
/** Steps that an operation on a long integer counts for. */
const stepsOfBigint = 16;
const limit = 1n << BigInt(maxBits);

export type PyInt = number | bigint;

/** The one form of an integer. Throws TemplateLimitError for one that is too long. */
export function integerFrom(value: bigint): PyInt {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER))
    return Number(value);
  if (value >= limit || value <= -limit) throw tooLong();
  chargeSteps(stepsOfBigint);
  return value;
}

/** An integral double as an int. */
export function integerFromDouble(value: number): PyInt {
  return Number.isSafeInteger(value) ? value + 0 : integerFrom(BigInt(value));
}

export function addIntegers(a: PyInt, b: PyInt): PyInt {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return integerFrom(BigInt(a) + BigInt(b));
}

export function multiplyIntegers(a: PyInt, b: PyInt): PyInt {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return integerFrom(BigInt(a) * BigInt(b));
}

/** The quotient rounded down. `b` is not 0. */
export function floorDivideIntegers(a: PyInt, b: PyInt): PyInt {
  if (typeof a === "number" && typeof b === "number")
    return Math.floor(a / b) === a / b ? a / b + 0 : floorQuotient(a, b);
  const [x, y] = [BigInt(a), BigInt(b)];
  const quotient = x / y;
  return integerFrom(x % y !== 0n && x < 0n !== y < 0n ? quotient - 1n : quotient);
}

/** The remainder has the sign of `b`, which is not 0. */
export function remainderOfIntegers(a: PyInt, b: PyInt): PyInt {
  if (typeof a === "number" && typeof b === "number") {
    const remainder = a % b;
    return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder + 0;
  }
  const [x, y] = [BigInt(a), BigInt(b)];
  const remainder = x % y;
  return integerFrom(remainder !== 0n && remainder < 0n !== y < 0n ? remainder + y : remainder);
}

/** `exponent` is not negative. */
export function powerOfIntegers(base: PyInt, exponent: PyInt): PyInt {
  const bits = BigInt(base).toString(2).replace("-", "").length;
  const isSmallBase = base === 0 || base === 1 || base === -1;
  if (!isSmallBase && (bits - 1) * Number(exponent) > maxBits) throw tooLong();
  if (isSmallBase) return base === -1 && BigInt(exponent) % 2n === 0n ? 1 : exponent === 0 ? 1 : base;
  return integerFrom(BigInt(base) ** BigInt(exponent));
}

/** Exact in safe integers, where the double quotient may round up to the next integer. */
function floorQuotient(a: number, b: number): number {
  const remainder = a % b;
  const quotient = (a - remainder) / b;
  return remainder !== 0 && remainder < 0 !== b < 0 ? quotient - 1 : quotient + 0;
}

function tooLong(): TemplateLimitError {
  return new TemplateLimitError(`an integer of more than ${maxBits} bits`);
}
