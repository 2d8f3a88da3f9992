/** @module Many random requests against one engine: shared prefixes, aborts at any moment, a pool that is too small. */
import assert from "node:assert/strict";
import type { BackendLimits } from "../../backend/backend.ts";
import type { GenerationRequest } from "../../core/generation.ts";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { expectedGreedy, requestFor, type Scripted, scriptedEngine } from "./scripted-engine.ts";

/** A repeatable source of choices. */
export class Choices {
  readonly #uniform: () => number;

  constructor(seed: number) {
    this.#uniform = seededUniform(seed);
  }

  /** Integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.#uniform() * limit);
  }

  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }
}

export interface SoakOptions {
  readonly numRequests: number;
  readonly numClients: number;
  readonly seed: number;
  readonly limits: Partial<BackendLimits>;
  readonly prefixCaching: boolean;
  /** Called before each request. */
  readonly disturb?: (engine: Scripted["engine"], choices: Choices) => void;
  /** Called now and then, with the number of requests that have ended. */
  readonly onProgress?: (numEnded: number) => void;
}

export interface SoakCounts {
  numFinished: number;
  numAborted: number;
}

/** Clients send one request after another; each text that ends by itself is compared with the model's own. */
export async function soak(options: SoakOptions): Promise<Scripted & { readonly counts: SoakCounts }> {
  const scripted = scriptedEngine(options.limits, {
    prefixCaching: options.prefixCaching,
    expectedOutputTokens: 8,
  });
  const choices = new Choices(options.seed);
  const counts: SoakCounts = { numFinished: 0, numAborted: 0 };
  let numSent = 0;
  const client = async (): Promise<void> => {
    while (numSent < options.numRequests) {
      numSent++;
      options.disturb?.(scripted.engine, choices);
      await runOne(scripted, choices, counts);
      options.onProgress?.(counts.numFinished + counts.numAborted);
    }
  };
  await Promise.all(Array.from({ length: options.numClients }, client));
  return { ...scripted, counts };
}

async function runOne({ engine, records }: Scripted, choices: Choices, counts: SoakCounts): Promise<void> {
  const prompt = randomPrompt(choices);
  const request = randomRequest(prompt, choices);
  const controller = new AbortController();
  let numEventsLeft = choices.oneIn(4) ? choices.below(12) : Number.POSITIVE_INFINITY;
  if (numEventsLeft === 0 && choices.oneIn(2)) setImmediate(() => controller.abort());
  const tokenIds: number[] = [];
  let numEndings = 0;
  for await (const event of engine.generate(request, controller.signal)) {
    if (event.type === "delta" && event.index === 0) tokenIds.push(...event.tokenIds);
    if (event.type === "finished") numEndings++;
    if (numEventsLeft-- <= 0) break;
  }
  records.length = 0;
  if (numEndings < request.sampling.n) {
    counts.numAborted++;
    return;
  }
  counts.numFinished++;
  if (request.sampling.temperature === 0) {
    assert.deepEqual(tokenIds, expectedGreedy(prompt, tokenIds.length), `text of ${request.requestId}`);
  }
}

/** One of a few beginnings, and now and then a beginning of a beginning, with a tail of its own. */
function randomPrompt(choices: Choices): number[] {
  const family = choices.below(4);
  const shared = Array.from({ length: 16 * choices.below(6) }, (_, i) => (family * 13 + i * 7) % 52);
  return [...shared, ...Array.from({ length: 1 + choices.below(40) }, () => choices.below(52))];
}

function randomRequest(prompt: readonly number[], choices: Choices): GenerationRequest {
  const isSampled = choices.oneIn(3);
  return requestFor(
    prompt,
    {
      n: choices.oneIn(6) ? 1 + choices.below(4) : 1,
      // Most outputs are short, so the forecast lets many in; the long ones then need more than there is.
      maxTokens: Math.min(choices.oneIn(4) ? 60 + choices.below(60) : choices.below(12), 160 - prompt.length),
      temperature: isSampled ? 1 : 0,
      seed: choices.below(1000),
      repetitionPenalty: isSampled && choices.oneIn(2) ? 1.3 : 1,
      promptLogprobs: choices.oneIn(8) ? 2 : null,
      ignoreEos: !isSampled,
    },
    choices.below(3) - 1,
  );
}
