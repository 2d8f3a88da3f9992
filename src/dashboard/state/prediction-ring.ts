/** @module What was predicted of an instance beside what came, for as long as the page is open: bounded, a sample each second. */
import type { InstanceSnapshot, SequenceView, Snapshot } from "../../api/admin/observatory/index.ts";

/** A quarter of an hour. */
const mostSamples = 900;
const everyMs = 1000;
const mostEnded = 500;

export interface StepSample {
  readonly unixMs: number;
  readonly actualMs: number;
  readonly predictedMs: number;
}

/** Blocks that admission expected a sequence to hold at its end, and those that it was last seen with. */
export interface EndedSequence {
  readonly numForecast: number;
  readonly numActual: number;
}

interface Track {
  readonly steps: StepSample[];
  readonly ended: EndedSequence[];
  running: ReadonlyMap<string, SequenceView>;
}

export class PredictionRing {
  readonly #tracks = new Map<string, Track>();

  take(snapshot: Snapshot): void {
    for (const id of this.#tracks.keys()) if (snapshot.instances[id] === undefined) this.#tracks.delete(id);
    for (const instance of Object.values(snapshot.instances)) {
      const track = this.#trackOf(instance.instanceId);
      noteStep(track.steps, instance, snapshot.unixMs);
      noteEnds(track, instance);
    }
  }

  steps(instanceId: string): readonly StepSample[] {
    return this.#tracks.get(instanceId)?.steps ?? [];
  }

  ended(instanceId: string): readonly EndedSequence[] {
    return this.#tracks.get(instanceId)?.ended ?? [];
  }

  #trackOf(instanceId: string): Track {
    const known = this.#tracks.get(instanceId);
    if (known !== undefined) return known;
    const track: Track = { steps: [], ended: [], running: new Map() };
    this.#tracks.set(instanceId, track);
    return track;
  }
}

function noteStep(samples: StepSample[], { steps }: InstanceSnapshot, unixMs: number): void {
  if (steps === null || steps.numSteps === 0 || steps.meanPredictedMs === 0) return;
  const last = samples.at(-1);
  if (last !== undefined && unixMs - last.unixMs < everyMs) return;
  samples.push({ unixMs, actualMs: steps.meanMs, predictedMs: steps.meanPredictedMs });
  if (samples.length > mostSamples) samples.shift();
}

/** A running sequence that is no longer there has ended. One that began and ended between two snapshots is not seen. */
function noteEnds(track: Track, { sequences }: InstanceSnapshot): void {
  if (sequences === null) return;
  for (const [key, { numForecastBlocks, numBlocks }] of track.running)
    if (sequences[key] === undefined && numBlocks > 0)
      track.ended.push({ numForecast: numForecastBlocks, numActual: numBlocks });
  track.ended.splice(0, Math.max(0, track.ended.length - mostEnded));
  track.running = new Map(Object.entries(sequences).filter(([, { state }]) => state === "running"));
}

/** Mean of |actual − predicted| / actual; null: nothing is known. */
export function meanError(pairs: readonly (readonly [actual: number, predicted: number])[]): number | null {
  const known = pairs.filter(([actual]) => actual > 0);
  if (known.length === 0) return null;
  const sum = known.reduce((all, [actual, predicted]) => all + Math.abs(actual - predicted) / actual, 0);
  return sum / known.length;
}
