/**
 * @module What one render may use. A render is synchronous, so one set of counters at a time is in force; work that is not
 * bounded by a node of the template (the length of a text, the size of a list) is charged here before it is done.
 */
import { TemplateLimitError } from "./errors.ts";

export interface RenderLimits {
  /** Nodes evaluated and items gone through. */
  readonly maxSteps: number;
  /** UTF-16 units of text made, intermediate results included. */
  readonly maxTextUnits: number;
  /** Macros, recursive loops and callers within each other. */
  readonly maxCallDepth: number;
}

interface Counters {
  readonly limits: RenderLimits;
  numSteps: number;
  numTextUnits: number;
  callDepth: number;
}

const unlimited: RenderLimits = {
  maxSteps: Number.POSITIVE_INFINITY,
  maxTextUnits: Number.POSITIVE_INFINITY,
  maxCallDepth: Number.POSITIVE_INFINITY,
};
const newCounters = (limits: RenderLimits): Counters => ({
  limits,
  numSteps: 0,
  numTextUnits: 0,
  callDepth: 0,
});
let counters = newCounters(unlimited);

/** Runs `render` under `limits`; beyond one of them it ends with a TemplateLimitError. */
export function withinLimits<T>(limits: RenderLimits, render: () => T): T {
  const outer = counters;
  counters = newCounters(limits);
  try {
    return render();
  } finally {
    counters = outer;
  }
}

export function chargeSteps(numSteps: number): void {
  counters.numSteps += numSteps;
  const { maxSteps } = counters.limits;
  if (counters.numSteps > maxSteps) throw new TemplateLimitError(`more than ${maxSteps} steps`);
}

/** Charges a look at every unit of a text, of which 64 count as one step. */
export function chargeScan(text: string): void {
  chargeSteps(text.length >>> 6);
}

export function chargeText(numUnits: number): void {
  counters.numTextUnits += numUnits;
  const { maxTextUnits } = counters.limits;
  if (counters.numTextUnits > maxTextUnits)
    throw new TemplateLimitError(`more than ${maxTextUnits} characters of text`);
}

/** Runs `call` one call deeper. */
export function deeper<T>(call: () => T): T {
  const { maxCallDepth } = counters.limits;
  if (counters.callDepth >= maxCallDepth)
    throw new TemplateLimitError(`more than ${maxCallDepth} calls within each other`);
  counters.callDepth += 1;
  try {
    return call();
  } finally {
    counters.callDepth -= 1;
  }
}
