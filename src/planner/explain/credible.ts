/** @module Figures of a log that cannot be: left out, and named. */
import { formatBytes } from "../../core/byte-size.ts";
import type { FigureName, LogFacts } from "../log/log-facts.ts";
import type { Quantity } from "../quantity/quantity.ts";

const names: Readonly<Partial<Record<FigureName, string>>> = {
  weights: "weights",
  consumed: "consumed memory",
  persistent: "persistent buffers",
  activations: "peak activations",
  graphs: "CUDA graphs",
  capturedGraphs: "captured CUDA graphs",
  availableKv: "KV memory",
};
/** May be below zero: KV memory that is lacking, and a difference that other processes shift. */
const mayBeNegative: ReadonlySet<FigureName> = new Set(["availableKv", "persistent"]);
/** A forward pass without activations, a model without weights. */
const cannotBeZero: ReadonlySet<FigureName> = new Set(["activations", "weights"]);
/** Prints of a total round it; nothing on a card is larger than this beside it. */
const roundingShare = 1.005;

function objection(name: FigureName, { expectedBytes }: Quantity, totalBytes: number | null): string | null {
  const isCpuPool = name === "availableKv" && totalBytes === null;
  if (expectedBytes < 0 && !mayBeNegative.has(name)) return "less than nothing";
  if (expectedBytes === 0 && cannotBeZero.has(name)) return "nothing at all";
  if (!isCpuPool && totalBytes !== null && expectedBytes > totalBytes * roundingShare)
    return `more than the card's ${formatBytes(totalBytes)}`;
  return null;
}

const signed = (bytes: number): string => (bytes < 0 ? `−${formatBytes(-bytes)}` : formatBytes(bytes));

/** The facts without figures that cannot be, and a note for each of those. */
export function credibleFacts(facts: LogFacts, deviceBytes: number | null): LogFacts {
  const total = facts.figures.total?.expectedBytes ?? deviceBytes;
  const figures: Partial<Record<FigureName, Quantity>> = { ...facts.figures };
  const notes: string[] = [];
  for (const name of Object.keys(names) as FigureName[]) {
    const figure = figures[name];
    const why = figure === undefined ? null : objection(name, figure, total);
    if (figure === undefined || why === null) continue;
    delete figures[name];
    notes.push(
      `The log states ${signed(figure.expectedBytes)} of ${names[name]}, which is ${why}: another process moved the measurement. It is left out.`,
    );
  }
  return notes.length === 0 ? facts : { ...facts, figures, notes: [...facts.notes, ...notes] };
}
