/** Loads that made other routers fail (each named by what was reported), run over endpoints in simulated time. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededUniform } from "../../../core/seeded-uniform.ts";
import {
  type Ending,
  type EndpointShape,
  type Policy,
  promptOf,
  type SimulatedRequest,
  simulate,
} from "../../testing/simulated-endpoints.ts";
import { Affinity } from "./affinity.ts";
import { pieceChain, tokensPerPiece } from "./prefixes/prompt-pieces.ts";

const shape: EndpointShape = { seats: 16, poolPieces: 400, prefillTokensPerMs: 1 };
const four = [shape, shape, shape, shape];

function ours(shapes: readonly EndpointShape[]) {
  return (clock: () => number): Policy => {
    const affinity = new Affinity(clock);
    const ids = shapes.map((_, index) => String(index));
    for (const [index, { seats, poolPieces }] of shapes.entries())
      affinity.add(String(index), { seats, poolTokens: poolPieces * tokensPerPiece });
    return {
      send: (chain) => {
        const sent = affinity.send(chain, ids);
        return { endpoint: Number(sent.endpointId), firstByte: sent.firstByte, end: sent.end };
      },
    };
  };
}

function leastLoad(shapes: readonly EndpointShape[]) {
  return (): Policy => {
    const open = shapes.map(() => 0);
    return {
      send: () => {
        const endpoint = open.indexOf(Math.min(...open));
        open[endpoint] = (open[endpoint] ?? 0) + 1;
        const end = (): void => {
          open[endpoint] = (open[endpoint] ?? 0) - 1;
        };
        return { endpoint, firstByte: () => undefined, end };
      },
    };
  };
}

function roundRobin(shapes: readonly EndpointShape[]) {
  return (): Policy => {
    let next = 0;
    return {
      send: () => ({ endpoint: next++ % shapes.length, firstByte: () => undefined, end: () => undefined }),
    };
  };
}

const perEndpoint = (endings: readonly Ending[], numEndpoints = 4): number[] =>
  Array.from({ length: numEndpoints }, (_, i) => endings.filter(({ endpoint }) => endpoint === i).length);

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

const ttft = (endings: readonly Ending[], share: number): number =>
  quantile(
    endings.map(({ ttftMs }) => ttftMs),
    share,
  );
const meanHit = (endings: readonly Ending[]): number =>
  endings.reduce((sum, { hitShare }) => sum + hitShare, 0) / endings.length;

/** `n` requests, one each `gapMs`, whose pieces `piecesOf` gives. */
function arrivals(
  n: number,
  gapMs: number,
  piecesOf: (i: number) => number[],
  outputMs = 500,
): SimulatedRequest[] {
  return Array.from({ length: n }, (_, i) => ({ atMs: i * gapMs, chain: promptOf(piecesOf(i)), outputMs }));
}

const unique = (i: number, n: number): number[] =>
  Array.from({ length: n }, (_, k) => 1_000_000 + i * 1000 + k);
const system = (group: number, n: number): number[] => Array.from({ length: n }, (_, k) => group * 1000 + k);

describe("failures that users of other routers reported", () => {
  test("1: requests without any match do not pile up on one cold endpoint", () => {
    const endings = simulate(
      four,
      arrivals(400, 60, (i) => unique(i, 6)),
      ours(four),
    );
    const counts = perEndpoint(endings);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 40, `requests per endpoint: ${counts}`);
  });

  test("2: a stream counts until its end, not until its headers", () => {
    // Prompts of one piece and streams of 20 s: whoever counts to the first byte sees no load at all.
    const endings = simulate(
      four,
      arrivals(64, 10, (i) => unique(i, 1), 20_000),
      ours(four),
    );
    assert.deepEqual(perEndpoint(endings), [16, 16, 16, 16]);
  });

  test("6: under load that is uneven, locality is kept", () => {
    const random = seededUniform(3);
    const requests = arrivals(1200, 25, (i) => [...system(Math.floor(random() * 16), 8), ...unique(i, 1)]);
    const endings = simulate(four, requests, ours(four));
    assert.ok(meanHit(endings) > 0.8, `hit share ${meanHit(endings)}`);
  });

  test("7: a system prompt that all share does not send all users to one endpoint", () => {
    const endings = simulate(
      four,
      arrivals(400, 100, (i) => [...system(1, 2), ...unique(i, 10)]),
      ours(four),
    );
    const counts = perEndpoint(endings);
    assert.ok(Math.min(...counts) >= 50, `requests per endpoint: ${counts}`);
  });

  test("8: requests one after another, with no load between them, use every pool", () => {
    const requests = arrivals(448, 4000, (i) => [...system(1, 1), ...unique(i, 20)], 100);
    const counts = perEndpoint(simulate(four, requests, ours(four)));
    assert.ok(Math.min(...counts) >= 80, `requests per endpoint: ${counts}`);
  });
});

describe("what was learnt of an endpoint", () => {
  test("one that was slow once, and is fast again, gets requests again", () => {
    let nowMs = 0;
    const affinity = new Affinity(() => nowMs);
    for (const id of ["a", "b"]) affinity.add(id, { seats: 4, poolTokens: 100_000 });
    // Each computes a prompt of 640 tokens: a in 100 ms, b, this once, in 10 s.
    for (const [id, tookMs] of [
      ["a", 100],
      ["b", 10_000],
    ] as const) {
      const sent = affinity.send(promptOf(unique(tookMs, 9)), [id]);
      nowMs += tookMs;
      sent.firstByte();
      sent.end();
    }
    const chosen: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      nowMs += 5000;
      const sent = affinity.send(promptOf(unique(i, 9)), ["a", "b"]);
      chosen.push(sent.endpointId);
      nowMs += 100;
      sent.firstByte();
      sent.end();
    }
    assert.equal(chosen[0], "a");
    // The more a's pool fills, the more b is worth a try.
    assert.ok(chosen.slice(-20).filter((id) => id === "b").length >= 6, chosen.join(""));
  });

  test("short prompts, one after another, take turns whatever each of them took", () => {
    let nowMs = 0;
    const affinity = new Affinity(() => nowMs);
    for (const id of ["a", "b"]) affinity.add(id, { seats: 4, poolTokens: 10_000 });
    const chosen = Array.from({ length: 10 }, (_, i) => {
      const sent = affinity.send(new Int32Array(0), ["a", "b"]);
      nowMs += i === 0 ? 400 : 3;
      sent.firstByte();
      sent.end();
      return sent.endpointId;
    });
    assert.equal(chosen.join(""), "ababababab");
  });
});

describe("against least load and round robin", () => {
  const random = seededUniform(7);
  const groups = arrivals(1600, 28, (i) => [...system(Math.floor(random() * 16), 8), ...unique(i, 1)], 800);

  test("16 groups of users with a prefix each: most of it is found, and answers begin sooner", () => {
    const [own, least, round] = [ours, leastLoad, roundRobin].map((policy) =>
      simulate(four, groups, policy(four)),
    );
    assert.ok(own !== undefined && least !== undefined && round !== undefined);
    assert.ok(meanHit(own) >= meanHit(least) && meanHit(own) >= meanHit(round));
    const others: readonly Ending[][] = [least, round];
    for (const share of [0.5, 0.99])
      for (const other of others)
        assert.ok(
          ttft(own, share) <= ttft(other, share),
          `P${share * 100}: ${ttft(own, share)}, ${ttft(other, share)}`,
        );
  });

  test("one hot prefix is never served worse than by least load", () => {
    for (const gapMs of [12, 20, 40, 100]) {
      const hot = arrivals(1000, gapMs, (i) => [...system(1, 8), ...unique(i, 1)], 700);
      const [own, least] = [simulate(four, hot, ours(four)), simulate(four, hot, leastLoad(four))];
      for (const share of [0.5, 0.99])
        assert.ok(
          ttft(own, share) <= 1.05 * ttft(least, share),
          `gap ${gapMs}, P${share * 100}: ${ttft(own, share)} against ${ttft(least, share)}`,
        );
    }
  });

  test("endpoints of different speed are loaded by their speed", () => {
    const mixed = [shape, { ...shape, prefillTokensPerMs: 4 }];
    const counts = perEndpoint(
      simulate(
        mixed,
        arrivals(600, 80, (i) => unique(i, 5), 200),
        ours(mixed),
      ),
      2,
    );
    assert.ok((counts[1] ?? 0) > 1.5 * (counts[0] ?? 0), `requests per endpoint: ${counts}`);
  });
});

describe("other policies, and weights", () => {
  const sentTo = (preference: Affinity["preference"], numRequests: number): Record<string, number> => {
    const affinity = new Affinity(() => 0);
    for (const id of ["a", "b", "c"]) affinity.add(id, { seats: 100, poolTokens: 100_000 });
    affinity.preference = preference;
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    // All want the same text: by cost it would go where that is cached.
    for (let i = 0; i < numRequests; i++) {
      const { endpointId } = affinity.send(pieceChain("x".repeat(4000)), ["a", "b", "c"]);
      counts[endpointId] = (counts[endpointId] ?? 0) + 1;
    }
    return counts;
  };

  test("in turns and by requests on their way, in the ratio of the weights; weight 0 gets none", () => {
    const weights = new Map([
      ["a", 2],
      ["c", 0],
    ]);
    for (const policy of ["round_robin", "least_loaded"] as const) {
      assert.deepEqual(sentTo({ policy, weights: new Map() }, 30), { a: 10, b: 10, c: 10 }, policy);
      assert.deepEqual(sentTo({ policy, weights }, 30), { a: 20, b: 10, c: 0 }, policy);
    }
  });

  test("where only an endpoint of weight 0 is left, it gets the request", () => {
    const affinity = new Affinity(() => 0);
    affinity.add("a", { seats: 1, poolTokens: 1000 });
    affinity.preference = { policy: "cost", weights: new Map([["a", 0]]) };
    assert.equal(affinity.send(new Int32Array(0), ["a"]).endpointId, "a");
  });
});
