/** @module How many instances, and how many seats each has. */
import { PagodaError } from "../../core/errors.ts";

/** `2x8`: two instances of eight seats each. */
export interface Layout {
  readonly numInstances: number;
  readonly numSeats: number;
}

/** `1x16,2x8,4x4`. */
export function parseLayouts(text: string): readonly Layout[] {
  return text.split(",").map((part) => {
    const [, instances, seats] = /^\s*(\d+)\s*[x×]\s*(\d+)\s*$/.exec(part) ?? [];
    const layout = { numInstances: Number(instances), numSeats: Number(seats) };
    if (layout.numInstances >= 1 && layout.numSeats >= 1) return layout;
    throw new PagodaError(
      "invalid_option",
      `'${part.trim()}' is not a number of instances and their seats.`,
      {
        hint: "Write INSTANCESxSEATS, several with commas between them, such as 1x16,2x8,4x4.",
      },
    );
  });
}

export const layoutText = ({ numInstances, numSeats }: Layout): string => `${numInstances}x${numSeats}`;

export function threadsOf({ numInstances }: Layout, numThreads: number): number {
  return Math.max(1, Math.floor(numThreads / numInstances));
}
