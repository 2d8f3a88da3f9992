/** @module Doubles with a stated number of digits, rounded as Python rounds: the exact value, halves to even. */

/** The double as numerator and denominator. */
function exactFraction(value: number): readonly [numerator: bigint, denominator: bigint] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000n;
  const exponent = BigInt((biased === 0 ? 1 : biased) - 1075);
  return exponent >= 0n ? [mantissa << exponent, 1n] : [mantissa, 1n << -exponent];
}

/** `numerator / denominator`, neither negative, to the nearest integer; halves to the even one. */
export function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return isUp ? quotient + 1n : quotient;
}

/** `value × 10^precision` as an integer; `value` is finite and not negative. */
function scaledInteger(value: number, precision: number): bigint {
  const [numerator, denominator] = exactFraction(value);
  return precision >= 0
    ? roundedQuotient(numerator * 10n ** BigInt(precision), denominator)
    : roundedQuotient(numerator, denominator * 10n ** BigInt(-precision));
}

/** A double has no digits but zeros beyond this many. */
const mostDigits = 1100;

/** Digits after the point: `precision`. `value` is finite and not negative. */
export function fixedText(value: number, precision: number): string {
  if (precision > mostDigits) return fixedText(value, mostDigits) + "0".repeat(precision - mostDigits);
  const digits = scaledInteger(value, precision)
    .toString()
    .padStart(precision + 1, "0");
  if (precision === 0) return digits;
  return `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

/** `1 + precision` significant digits, and the power of ten of the first. `value` is finite and not negative. */
function significantDigits(value: number, precision: number): readonly [digits: string, exponent: number] {
  if (value === 0) return ["0".repeat(precision + 1), 0];
  if (precision > mostDigits) {
    const [digits, exponent] = significantDigits(value, mostDigits);
    return [digits + "0".repeat(precision - mostDigits), exponent];
  }
  const estimate = Number(value.toExponential().split("e")[1]);
  const digits = scaledInteger(value, precision - estimate).toString();
  return digits.length > precision + 1 ? [digits.slice(0, -1), estimate + 1] : [digits, estimate];
}

/** Python's `round(value, precision)` of a float. */
export function roundedDouble(value: number, precision: number): number {
  if (!Number.isFinite(value) || precision > 323) return value;
  if (precision < -308) return 0 * value;
  const integer = scaledInteger(Math.abs(value), precision);
  const rounded = Number(`${integer}e${-precision}`);
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

export interface FloatFormat {
  readonly type: "e" | "f" | "g" | "E" | "F" | "G";
  readonly precision: number;
  /** `#`: the point and zeros at the end stay. */
  readonly keepsZeros: boolean;
}

/** Text of `|value|`, without a sign. */
export function formatMagnitude(value: number, format: FloatFormat): string {
  const text = lowerMagnitude(Math.abs(value), format);
  return format.type < "a" ? text.toUpperCase() : text;
}

function lowerMagnitude(value: number, { type, precision, keepsZeros }: FloatFormat): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return "inf";
  const kind = type.toLowerCase();
  if (kind === "f") return fixedText(value, precision) + (precision === 0 && keepsZeros ? "." : "");
  if (kind === "e") return exponentText(...significantDigits(value, precision), keepsZeros);
  const numDigits = Math.max(1, precision);
  const [digits, exponent] = significantDigits(value, numDigits - 1);
  const shown = keepsZeros ? digits : digits.replace(/(?<=.)0+$/, "");
  if (exponent < -4 || exponent >= numDigits) return exponentText(shown, exponent, keepsZeros);
  return positionalText(shown, exponent, keepsZeros);
}

function exponentText(digits: string, exponent: number, keepsPoint: boolean): string {
  const point = digits.length > 1 || keepsPoint ? "." : "";
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${digits[0]}${point}${digits.slice(1)}e${exponent < 0 ? "-" : "+"}${size}`;
}

function positionalText(digits: string, exponent: number, keepsPoint: boolean): string {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const rest = digits.slice(exponent + 1);
  return rest === "" ? whole + (keepsPoint ? "." : "") : `${whole}.${rest}`;
}
