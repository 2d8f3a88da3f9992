import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { readOptions } from "../../core/options/read-options.ts";
import {
  engineOptions,
  type PreparedInstance,
  plannerOf,
  prepareInstance,
  resolveSettings,
} from "../../instance/index.ts";
import { fitsInto, withRoomFor } from "../trial/trial-engine.ts";
import { type Candidate, candidatesOf, flagsText, type SpaceInputs } from "./candidates.ts";
import { liveKnobs, parseKnobs, withKnobs } from "./knobs.ts";

describe("knobs", () => {
  it("are names of options, with values or without", () => {
    assert.deepEqual(parseKnobs("max-num-seqs=8,16 --max-step-ms=50,kv-cache-dtype"), [
      { name: "max-num-seqs", values: ["8", "16"] },
      { name: "max-step-ms", values: ["50"] },
      { name: "kv-cache-dtype", values: ["f16", "int8", "int4"] },
    ]);
    assert.throws(() => parseKnobs("max-num-sequences=8"), /no option --max-num-sequences/);
    assert.throws(() => parseKnobs("memory"), /states no values/);
  });

  it("replace other spellings of the same option, and switches are switched", () => {
    assert.deepEqual(
      withKnobs(
        { maxBatchSize: "4", memory: "1GiB", enablePrefixCaching: true },
        { "max-num-seqs": "8", "enable-prefix-caching": "off" },
      ),
      { maxNumSeqs: "8", memory: "1GiB", enablePrefixCaching: false },
    );
    assert.equal(
      flagsText({ "max-num-seqs": "8", "enable-prefix-caching": "off" }),
      "--max-num-seqs 8 --no-enable-prefix-caching",
    );
  });
});

describe("candidates", () => {
  const given = { memory: "700MiB", maxModelLen: "2048" };
  let inputs: SpaceInputs;
  before(async () => {
    const settings = resolveSettings(readOptions(engineOptions, given, {}), 2);
    const prepared = await prepareInstance(null, settings, () => undefined);
    inputs = {
      given,
      environment: {},
      numProcessors: 2,
      planner: await plannerOf(prepared),
      longestSequence: 600,
    };
  });

  it("are the combinations that the planner lets start, and the rest has its reason", () => {
    const { kept, pruned } = candidatesOf(liveKnobs, inputs);
    const numCombinations = liveKnobs.reduce((product, { values }) => product * values.length, 1);
    assert.equal(kept.length + pruned.length, numCombinations);
    for (const { prepared } of kept) {
      const { limits, footprint, runtimeBytes } = prepared.plan;
      assert.ok(footprint.totalBytes + runtimeBytes <= 700 * 2 ** 20);
      assert.ok(limits.maxNumBatchedTokens >= limits.maxNumSeqs);
      assert.ok(limits.numBlocks * limits.blockSize >= 600);
    }
    assert.ok(pruned.some(({ reason }) => /--max-num-batched-tokens 32 is less than/.test(reason)));
  });

  it("that cannot hold the longest request are pruned", () => {
    const knobs = parseKnobs("max-kv-tokens=512,4096 max-model-len=512");
    const { kept, pruned } = candidatesOf(knobs, inputs);
    assert.equal(kept.length, 0);
    assert.match(pruned[0]?.reason ?? "", /longest request has 600 tokens/);
  });

  it("share one allocation where it is large enough for both", () => {
    const { kept } = candidatesOf(
      parseKnobs("max-num-seqs=8,64 max-num-batched-tokens=64,1024 block-size=16,32"),
      inputs,
    );
    const of = (seqs: string, tokens: string, block: string): PreparedInstance => {
      const found = kept.find(
        ({ knobs }: Candidate) =>
          knobs["max-num-seqs"] === seqs &&
          knobs["max-num-batched-tokens"] === tokens &&
          knobs["block-size"] === block,
      );
      assert.ok(found);
      return found.prepared;
    };
    const [narrow, wide] = [of("8", "1024", "16"), of("64", "64", "16")];
    assert.ok(!fitsInto(narrow, wide) && !fitsInto(wide, narrow));
    const both = withRoomFor(narrow, wide);
    assert.ok(fitsInto(narrow, both) && fitsInto(wide, both));
    assert.ok(both.plan.footprint.totalBytes > narrow.plan.footprint.totalBytes);
    assert.equal(withRoomFor(narrow, of("8", "64", "32")), narrow);
    const crowded = { ...narrow, device: { ...narrow.device, availableBytes: 700 * 2 ** 20 } };
    assert.equal(withRoomFor(crowded, wide), crowded);
  });
});
