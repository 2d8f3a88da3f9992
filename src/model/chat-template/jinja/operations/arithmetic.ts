/** @module `+ - * / // % **` and the signs. */

import { chargeSteps, chargeText } from "../values/bounds.ts";
import { PythonError, TemplateLimitError, typeError } from "../values/errors.ts";
import {
  addIntegers,
  floorDivideIntegers,
  multiplyIntegers,
  type PyInt,
  powerOfIntegers,
  remainderOfIntegers,
} from "../values/integers.ts";
import { joined } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import { isList, Markup, PyFloat, PyTuple, type PyValue, textOf, typeName } from "../values/values.ts";
import { numberOf } from "./comparison.ts";
import { escapeMarkup } from "./markup.ts";
import { percentFormat } from "./percent-format.ts";

export type BinaryOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** Throws TypeError, ZeroDivisionError or OverflowError as Python does, and UndefinedError for an undefined operand. */
export function binary(operator: BinaryOperator, a: PyValue, b: PyValue): PyValue {
  const text = textOf(a);
  if (operator === "%" && text !== null)
    return a instanceof Markup ? new Markup(percentFormat(text, b, escapeMarkup)) : percentFormat(text, b);
  if (a instanceof Undefined) throw a.error();
  if (b instanceof Undefined) throw b.error();
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return numeric(operator, a, b, x, y);
  if (operator === "+") return concatenated(a, b);
  if (operator === "*" && x !== null && !(a instanceof PyFloat)) return repeated(b, Number(x), a);
  if (operator === "*" && y !== null && !(b instanceof PyFloat)) return repeated(a, Number(y), b);
  throw unsupported(operator, a, b);
}

export function unary(operator: "+" | "-", operand: PyValue): PyValue {
  if (operand instanceof Undefined) throw operand.error();
  if (operand instanceof PyFloat) return operator === "-" ? new PyFloat(-operand.value) : operand;
  const number = numberOf(operand);
  if (number === null) throw typeError(`bad operand type for unary ${operator}: '${typeName(operand)}'`);
  return operator === "-" ? multiplyIntegers(number, -1) : number;
}

function numeric(operator: BinaryOperator, a: PyValue, b: PyValue, x: PyInt, y: PyInt): PyValue {
  if (a instanceof PyFloat || b instanceof PyFloat) return floats(operator, toDouble(x), toDouble(y));
  switch (operator) {
    case "+":
      return addIntegers(x, y);
    case "-":
      return addIntegers(x, multiplyIntegers(y, -1));
    case "*":
      return multiplyIntegers(x, y);
    case "/":
      if (Number(y) === 0) throw divisionByZero("division by zero");
      return new PyFloat(finite(Number(x) / Number(y), "integer division result too large for a float"));
    case "//":
      if (Number(y) === 0) throw divisionByZero("integer division or modulo by zero");
      return floorDivideIntegers(x, y);
    case "%":
      if (Number(y) === 0) throw divisionByZero("integer modulo by zero");
      return remainderOfIntegers(x, y);
    case "**":
      return y < 0 ? floats("**", toDouble(x), toDouble(y)) : powerOfIntegers(x, y);
  }
}

function floats(operator: BinaryOperator, x: number, y: number): PyFloat {
  switch (operator) {
    case "+":
      return new PyFloat(x + y);
    case "-":
      return new PyFloat(x - y);
    case "*":
      return new PyFloat(x * y);
    case "/":
      if (y === 0) throw divisionByZero("float division by zero");
      return new PyFloat(x / y);
    case "//":
      if (y === 0) throw divisionByZero("float floor division by zero");
      return new PyFloat(floorDivideDoubles(x, y));
    case "%":
      if (y === 0) throw divisionByZero("float modulo");
      return new PyFloat(remainderOfDoubles(x, y));
    case "**":
      return new PyFloat(powerOfDoubles(x, y));
  }
}

function toDouble(value: PyInt): number {
  return typeof value === "number" ? value : finite(Number(value), "int too large to convert to float");
}

function finite(value: number, message: string): number {
  if (!Number.isFinite(value)) throw new PythonError("OverflowError", message);
  return value;
}

/** The remainder has the divisor's sign, as in CPython's `float_rem`. */
function remainderOfDoubles(x: number, y: number): number {
  const remainder = x % y;
  if (remainder === 0) return y < 0 ? -0 : 0;
  return remainder < 0 !== y < 0 ? remainder + y : remainder;
}

/** As CPython's `float_floor_div`: exact, where rounding the quotient down would not be. */
function floorDivideDoubles(x: number, y: number): number {
  const remainder = x % y;
  const isOtherSign = remainder !== 0 && remainder < 0 !== y < 0;
  const quotient = (x - remainder) / y - (isOtherSign ? 1 : 0);
  if (quotient === 0) return x / y < 0 || Object.is(x / y, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function powerOfDoubles(x: number, y: number): number {
  if (x === 0 && y < 0) throw divisionByZero("0.0 cannot be raised to a negative power");
  if (x < 0 && Number.isFinite(x) && Number.isFinite(y) && !Number.isInteger(y))
    throw new TemplateLimitError("complex numbers are not supported");
  if (x === 1) return 1;
  const power = x ** y;
  if (!Number.isFinite(power) && Number.isFinite(x) && Number.isFinite(y))
    throw new PythonError("OverflowError", "(34, 'Numerical result out of range')");
  return power;
}

function concatenated(a: PyValue, b: PyValue): PyValue {
  const [s, t] = [textOf(a), textOf(b)];
  if (s !== null && t !== null) {
    if (!(a instanceof Markup || b instanceof Markup)) return joined(s, t);
    return new Markup(escapeMarkup(a).text + escapeMarkup(b).text);
  }
  if (isList(a) && isList(b)) {
    chargeSteps(a.length + b.length);
    return [...a, ...b];
  }
  if (a instanceof PyTuple && b instanceof PyTuple) {
    chargeSteps(a.items.length + b.items.length);
    return new PyTuple([...a.items, ...b.items]);
  }
  if (s !== null) throw typeError(`can only concatenate str (not "${typeName(b)}") to str`);
  if (isList(a)) throw typeError(`can only concatenate list (not "${typeName(b)}") to list`);
  throw unsupported("+", a, b);
}

function repeated(value: PyValue, times: number, other: PyValue): PyValue {
  const count = Math.max(0, times);
  const text = textOf(value);
  if (text !== null) {
    const result = repeatText(text, count);
    return value instanceof Markup ? new Markup(result) : result;
  }
  const items = isList(value) ? value : value instanceof PyTuple ? value.items : null;
  if (items === null) throw unsupported("*", value, other);
  chargeSteps(items.length * count);
  const all = Array.from({ length: items.length * count }, (_, i) => items[i % items.length] ?? null);
  return isList(value) ? all : new PyTuple(all);
}

/** `text` `count` times, charged before it is made. */
export function repeatText(text: string, count: number): string {
  if (text === "" || count <= 0) return "";
  chargeText(text.length * count);
  return text.repeat(count);
}

function unsupported(operator: BinaryOperator, a: PyValue, b: PyValue): PythonError {
  const shown = operator === "**" ? "** or pow()" : operator;
  return typeError(`unsupported operand type(s) for ${shown}: '${typeName(a)}' and '${typeName(b)}'`);
}

function divisionByZero(message: string): PythonError {
  return new PythonError("ZeroDivisionError", message);
}
