/** @module Which arena each operation of a program runs in. */
import type { RankProgram } from "../footprint/rank-program.ts";
import type { ModelLayout } from "../memory/layout.ts";

/** Consecutive operations [start, end) of body and head together, all in one arena. */
export interface ArenaSegment {
  readonly arenaId: number;
  readonly start: number;
  readonly end: number;
}

/** Operations before the first layer run in arena 0, those after the last layer in that layer's arena. */
export function bodySegments(program: RankProgram, layout: ModelLayout): ArenaSegment[] {
  const { layerStarts, body } = program;
  const segments: ArenaSegment[] = [{ arenaId: 0, start: 0, end: layerStarts[0] ?? body.length }];
  for (const [layer, start] of layerStarts.entries()) {
    const arenaId = layout.layerArenas[layer] ?? 0;
    const end = layerStarts[layer + 1] ?? body.length;
    const last = segments.at(-1);
    if (last?.arenaId === arenaId) segments[segments.length - 1] = { ...last, end };
    else segments.push({ arenaId, start, end });
  }
  return segments;
}

/** The arena of operation `index` of body and head together; the head runs in arena 0. */
export function arenaOf(program: RankProgram, layout: ModelLayout, index: number): number {
  const segment = bodySegments(program, layout).find(({ start, end }) => start <= index && index < end);
  return segment?.arenaId ?? 0;
}
