/** @module Python's strftime for a local time without a zone, in English whatever the machine's language. */

const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;
const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

interface NumberCode {
  readonly of: (time: Date) => number;
  readonly width: number;
  readonly pad: "0" | " ";
}

const padded = (width: number, of: NumberCode["of"], pad: NumberCode["pad"] = "0"): NumberCode => ({
  of,
  width,
  pad,
});
const hourOfTwelve = (time: Date): number => time.getHours() % 12 || 12;
/** Sunday is 0, or Monday is. */
const dayFromSunday = (time: Date): number => time.getDay();
const dayFromMonday = (time: Date): number => (time.getDay() + 6) % 7;

const numberCodes: Readonly<Record<string, NumberCode>> = {
  Y: padded(1, (time) => time.getFullYear()),
  y: padded(2, (time) => time.getFullYear() % 100),
  m: padded(2, (time) => time.getMonth() + 1),
  d: padded(2, (time) => time.getDate()),
  e: padded(2, (time) => time.getDate(), " "),
  j: padded(3, (time) => daysSinceNewYear(time) + 1),
  H: padded(2, (time) => time.getHours()),
  k: padded(2, (time) => time.getHours(), " "),
  I: padded(2, hourOfTwelve),
  l: padded(2, hourOfTwelve, " "),
  M: padded(2, (time) => time.getMinutes()),
  S: padded(2, (time) => time.getSeconds()),
  f: padded(6, (time) => 1000 * time.getMilliseconds()),
  U: padded(2, (time) => weeksBegun(time, dayFromSunday(time))),
  W: padded(2, (time) => weeksBegun(time, dayFromMonday(time))),
  u: padded(1, (time) => dayFromMonday(time) + 1),
  w: padded(1, dayFromSunday),
};

const textCodes: Readonly<Record<string, (time: Date) => string>> = {
  B: (time) => months[time.getMonth()] ?? "",
  b: (time) => (months[time.getMonth()] ?? "").slice(0, 3),
  A: (time) => days[time.getDay()] ?? "",
  a: (time) => (days[time.getDay()] ?? "").slice(0, 3),
  p: (time) => (time.getHours() < 12 ? "AM" : "PM"),
  Z: () => "",
  z: () => "",
  n: () => "\n",
  t: () => "\t",
  "%": () => "%",
};

/** Codes that stand for several. */
const formatCodes: Readonly<Record<string, string>> = {
  D: "%m/%d/%y",
  F: "%Y-%m-%d",
  T: "%H:%M:%S",
  R: "%H:%M",
  r: "%I:%M:%S %p",
  c: "%a %b %e %H:%M:%S %Y",
  x: "%m/%d/%y",
  X: "%H:%M:%S",
  h: "%b",
};

/** `%-d` leaves padding out, `%_d` pads with blanks, `%0e` with zeros; what is no code stays as it is. */
export function strftime(time: Date, format: string): string {
  return format.replaceAll(/%([-_0]?)([A-Za-z%])/g, (whole, flag: string, code: string) => {
    const number = numberCodes[code];
    if (number !== undefined) return paddedText(number, time, flag);
    const several = formatCodes[code];
    return several === undefined ? (textCodes[code]?.(time) ?? whole) : strftime(time, several);
  });
}

function paddedText({ of, width, pad }: NumberCode, time: Date, flag: string): string {
  const digits = String(of(time));
  if (flag === "-") return digits;
  return digits.padStart(width, flag === "_" ? " " : flag === "0" ? "0" : pad);
}

function daysSinceNewYear(time: Date): number {
  const year = time.getFullYear();
  return Math.round((Date.UTC(year, time.getMonth(), time.getDate()) - Date.UTC(year, 0, 1)) / 86_400_000);
}

/** Weeks of the year that have begun, where this is day `dayOfWeek` of its own. */
function weeksBegun(time: Date, dayOfWeek: number): number {
  return Math.floor((daysSinceNewYear(time) + 7 - dayOfWeek) / 7);
}
