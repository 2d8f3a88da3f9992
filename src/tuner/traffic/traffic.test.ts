import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { percentile } from "../../core/statistics.ts";
import { parseLengths } from "./lengths.ts";
import { longestOfShape, shapedTraffic } from "./shaped-traffic.ts";
import { traceTraffic } from "./trace.ts";
import { longestSequence } from "./traffic.ts";

const range = { firstTokenId: 10, endTokenId: 90 };
const options = { speed: 1, maxModelLen: 100_000, numUsers: null, numRequests: null, seed: 1 };

describe("lengths", () => {
  it("are a number, a range or quantiles", () => {
    assert.equal(parseLengths("2k")(0.5), 2000);
    assert.deepEqual([parseLengths("64-512")(0), parseLengths("64..512")(0.999999)], [64, 512]);
    const drawn = Array.from({ length: 9999 }, (_, i) => parseLengths("p50=200,p95=800")((i + 0.5) / 9999));
    assert.ok(Math.abs(percentile(drawn, 0.5) - 200) <= 1);
    assert.ok(Math.abs(percentile(drawn, 0.95) - 800) <= 3);
  });

  it("that cannot be read are refused with the forms that can", () => {
    for (const text of ["", "abc", "0", "-5", "512-64", "p50=8k,p95=2k"])
      assert.throws(() => parseLengths(text), { code: "invalid_option" });
  });
});

describe("shaped traffic", () => {
  const shape = {
    numUsers: 4,
    ratePerSecond: null,
    numRequests: 6,
    prompt: parseLengths("8"),
    output: parseLengths("1-9"),
    sharedPrefix: { numTokens: 32, numGroups: 2 },
  };

  it("is the same for the same seed, and shares prefixes within its groups only", () => {
    const traffic = shapedTraffic(shape, 1, range);
    assert.deepEqual(shapedTraffic(shape, 1, range), traffic);
    const prefixes = traffic.requests.map(({ promptTokenIds }) => promptTokenIds.subarray(0, 32).join());
    assert.equal(new Set(prefixes).size, 2);
    assert.equal(prefixes[0], prefixes[2]);
    const other = shapedTraffic(shape, 2, range).requests[0]?.promptTokenIds.subarray(0, 32).join();
    assert.ok(!prefixes.includes(other ?? ""));
    assert.equal(new Set(traffic.requests.map(({ promptTokenIds }) => promptTokenIds.join())).size, 6);
  });

  it("arrives at its rate", () => {
    const { requests } = shapedTraffic({ ...shape, ratePerSecond: 5, numRequests: 4000 }, 3, range);
    const seconds = (requests.at(-1)?.arrivesMs ?? 0) / 1000;
    assert.ok(Math.abs(requests.length / seconds - 5) < 0.25, `${requests.length / seconds} a second`);
  });
});

describe("a trace", () => {
  it("of Mooncake has times in milliseconds and shared blocks", () => {
    const text = [
      '{"timestamp": 27482, "input_length": 1030, "output_length": 52, "hash_ids": [46, 47, 48]}',
      '{"timestamp": 30535, "input_length": 1100, "output_length": 26, "hash_ids": [46, 47, 2353]}',
    ].join("\n");
    const [first, second] = traceTraffic(text, options, range).requests;
    assert.deepEqual([first?.arrivesMs, second?.arrivesMs], [0, 3053]);
    assert.deepEqual(first?.promptTokenIds.subarray(0, 1024), second?.promptTokenIds.subarray(0, 1024));
    assert.notEqual(first?.promptTokenIds.at(1024), undefined);
    assert.notDeepEqual(
      first?.promptTokenIds.subarray(1024, 1030),
      second?.promptTokenIds.subarray(1024, 1030),
    );
  });

  it("of BurstGPT and of Azure is read as published", () => {
    const burst =
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,230,1317,Conversation log\n";
    const azure =
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n";
    assert.deepEqual(
      traceTraffic(burst, options, range).requests.map((r) => [
        r.arrivesMs,
        r.promptTokenIds.length,
        r.numOutputTokens,
      ]),
      [
        [0, 472, 18],
        [40_000, 1087, 230],
      ],
    );
    assert.deepEqual(
      traceTraffic(azure, { ...options, speed: 2 }, range).requests.map((r) => [
        r.arrivesMs,
        r.numOutputTokens,
      ]),
      [
        [0, 44],
        [2157.5, 109],
      ],
    );
  });

  it("without times is sent by users; what is too long for the model is left out and named", () => {
    const text =
      '{"prompt_tokens": 10, "completion_tokens": 0}\n{"prompt_tokens": 90000, "completion_tokens": 20000}';
    const traffic = traceTraffic(text, options, range);
    assert.deepEqual(
      [traffic.numUsers, traffic.requests.length, traffic.requests[0]?.numOutputTokens],
      [1, 1, 1],
    );
    assert.match(traffic.description, /1 longer ones left out/);
  });

  it("that cannot be read names its line", () => {
    for (const [text, message] of [
      ["", /no requests/],
      ["{}", /line 1 .* no length of a prompt/],
      ['{"input_length": 1, "output_length": 1}\nnonsense', /line 2 .* not a JSON object/],
      ['{"input_length": "x", "output_length": 1}', /input_length is "x"/],
      ['{"timestamp": "soon", "input_length": 1, "output_length": 1}', /not a time/],
    ] as const)
      assert.throws(() => traceTraffic(text, options, range), message);
  });
});

describe("the longest request of a shape", () => {
  it("is known without drawing a token, for every seed", () => {
    const shape = {
      numUsers: 4,
      ratePerSecond: null,
      numRequests: 40,
      prompt: parseLengths("p50=50,p95=300"),
      output: parseLengths("5-30"),
      sharedPrefix: { numTokens: 64, numGroups: 2 },
    };
    const seeds = [1, 2, 3];
    const drawn = seeds.map((seed) => longestSequence(shapedTraffic(shape, seed, range)));
    assert.equal(longestOfShape(shape, seeds), Math.max(...drawn));
    const huge = { ...shape, numRequests: 2048, prompt: parseLengths("5000000") };
    assert.ok(longestOfShape(huge, seeds) > 5_000_000);
  });
});

describe("the requests that a server recorded", () => {
  const recorded = {
    schema: "pagoda.traffic/1",
    columns: ["unixMs", "promptTokens", "cachedTokens", "outputTokens"],
    requests: [
      [5000, 20, 0, 3],
      [5250, 24, 16, 7],
      [6000, 40, 32, 1],
    ],
  };

  it("come at their times with their lengths, and share what the prefix cache had", () => {
    const { requests, isTimed } = traceTraffic(JSON.stringify(recorded), { ...options, speed: 2 }, range);
    assert.ok(isTimed);
    assert.deepEqual(
      requests.map(({ promptTokenIds, numOutputTokens, arrivesMs }) => [
        promptTokenIds.length,
        numOutputTokens,
        arrivesMs,
      ]),
      [
        [20, 3, 0],
        [24, 7, 125],
        [40, 1, 500],
      ],
    );
    const [first, second, third] = requests.map(({ promptTokenIds }) => [...promptTokenIds]);
    assert.deepEqual(second?.slice(0, 16), third?.slice(0, 16));
    assert.notDeepEqual(second?.slice(16, 24), third?.slice(16, 24));
    assert.notDeepEqual(first?.slice(0, 16), third?.slice(0, 16));
  });

  it("are refused where they cannot be read", () => {
    const text = JSON.stringify({ ...recorded, requests: [["a"]] });
    assert.throws(() => traceTraffic(text, options, range), {
      code: "invalid_option",
      message: /recorded traffic cannot be read/,
    });
  });
});
