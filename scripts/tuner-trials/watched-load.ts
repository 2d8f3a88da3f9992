/** @module Closed loops of clients whose requests change their shape, and what each of them waited for. */
import { timeCompletion } from "../../src/bench/load/completion-client.ts";
import { seededUniform } from "../../src/core/seeded-uniform.ts";

export interface Shape {
  readonly name: string;
  readonly numUsers: number;
  /** Least and most tokens. */
  readonly prompt: readonly [number, number];
  readonly output: readonly [number, number];
}

/** Milliseconds since the load began, and how long it took. */
export interface Duration {
  readonly endedMs: number;
  readonly ms: number;
}

export interface LoadRecord {
  readonly ttfts: Duration[];
  readonly gaps: Duration[];
  readonly failures: string[];
  numRequests: number;
}

const firstToken = 1000;
const numTokens = 20_000;

/** Each shape for `seconds`, one after another: users of the last one end their request, those of the next one begin at once. */
export async function playShapes(
  target: { readonly url: string; readonly model: string },
  shapes: readonly Shape[],
  seconds: number,
): Promise<LoadRecord> {
  const record: LoadRecord = { ttfts: [], gaps: [], failures: [], numRequests: 0 };
  const startedMs = performance.now();
  const now = (): number => performance.now() - startedMs;
  const users: Promise<void>[] = [];
  for (const [index, shape] of shapes.entries()) {
    const endsMs = (index + 1) * seconds * 1000;
    for (let user = 0; user < shape.numUsers; user++) {
      const uniform = seededUniform(1000 * index + user + 1);
      const between = ([least, most]: readonly [number, number]): number =>
        least + Math.floor(uniform() * (most - least + 1));
      const loop = async (): Promise<void> => {
        while (now() < endsMs) {
          const prompt = Array.from(
            { length: between(shape.prompt) },
            () => firstToken + Math.floor(uniform() * numTokens),
          );
          await ask(target, prompt, between(shape.output), record, now);
        }
      };
      users.push(loop());
    }
    await new Promise((resolve) => setTimeout(resolve, endsMs - now()));
  }
  await Promise.all(users);
  return record;
}

async function ask(
  target: { readonly url: string; readonly model: string },
  prompt: readonly number[],
  numOutputTokens: number,
  record: LoadRecord,
  now: () => number,
): Promise<void> {
  const sentMs = now();
  record.numRequests++;
  try {
    const {
      ttftMs,
      interChunkMs,
      numOutputTokens: got,
    } = await timeCompletion(target, prompt, numOutputTokens);
    if (got !== numOutputTokens) record.failures.push(`${got} tokens instead of ${numOutputTokens}`);
    let endedMs = sentMs + ttftMs;
    record.ttfts.push({ endedMs, ms: ttftMs });
    for (const ms of interChunkMs) {
      endedMs += ms;
      record.gaps.push({ endedMs, ms });
    }
  } catch (thrown) {
    record.failures.push(String(thrown));
  }
}
