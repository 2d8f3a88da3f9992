/**
 * @module How llama-server makes sizes fit that were not stated (`common/fit.cpp`): a shorter context first, where none was
 * stated, down to `--fit-ctx`; then fewer layers on the cards.
 */
import { footprintOf, type LlamaFootprint, type LlamaStart, type Sizes, sumHeld } from "./footprint.ts";

const cellStep = 256;

export interface FittedSizes {
  readonly footprint: LlamaFootprint;
  /** What was given up, in sentences. */
  readonly changes: readonly string[];
}

/** Sizes as stated, or all that there is. */
function wishedSizes({ request, settings }: LlamaStart): Sizes {
  const all = request.model.layers.length + 1;
  return {
    contextTokens: settings.contextTokens.value,
    cardLayers: Math.min(all, settings.cardLayers ?? all),
  };
}

function leavesMargin(start: LlamaStart, { cards, host }: LlamaFootprint, freeBytes: number): boolean {
  const onCards = start.request.device.vendor !== "cpu";
  const held = onCards ? cards.map(sumHeld) : [sumHeld(host)];
  return held.every((bytes) => bytes + start.settings.marginBytes <= freeBytes);
}

/** The largest value of a rising row for which the test holds; null: for none. */
function largest(count: number, holds: (index: number) => boolean): number | null {
  if (count === 0 || !holds(0)) return null;
  let [low, high] = [0, count];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Sizes that leave the margin free on every card; as near to it as llama-server comes where none do. */
export function fittedSizes(start: LlamaStart, freeBytes: number): FittedSizes {
  const { settings } = start;
  const wished = wishedSizes(start);
  const whole = footprintOf(start, wished);
  if (!settings.fits || leavesMargin(start, whole, freeBytes)) return { footprint: whole, changes: [] };
  const shorter = settings.contextTokens.from === "default" ? shorterContext(start, wished, freeBytes) : null;
  const sized = shorter ?? { ...wished };
  const changes =
    sized.contextTokens === wished.contextTokens
      ? []
      : [`--fit shortens the context from ${wished.contextTokens} to ${sized.contextTokens} tokens.`];
  const cut = footprintOf(start, sized);
  if (settings.cardLayers !== null || leavesMargin(start, cut, freeBytes)) return { footprint: cut, changes };
  const layers = largest(wished.cardLayers + 1, (cardLayers) =>
    leavesMargin(start, footprintOf(start, { ...sized, cardLayers }), freeBytes),
  );
  const cardLayers = layers ?? 0;
  return {
    footprint: footprintOf(start, { ...sized, cardLayers }),
    changes: [...changes, `--fit puts ${cardLayers} of ${wished.cardLayers} layers on the card.`],
  };
}

function shorterContext(start: LlamaStart, wished: Sizes, freeBytes: number): Sizes {
  const least = Math.min(start.settings.leastContext, wished.contextTokens);
  const steps = Math.floor((wished.contextTokens - least) / cellStep) + 1;
  const at = largest(steps, (step) =>
    leavesMargin(start, footprintOf(start, { ...wished, contextTokens: least + step * cellStep }), freeBytes),
  );
  return { ...wished, contextTokens: least + (at ?? 0) * cellStep };
}
