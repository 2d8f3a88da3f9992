import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { whyNoLoader } from "../loading/loader.ts";
import { detectCpuFeatures, readFeatures } from "./cpu-features.ts";

const noLoader = whyNoLoader();

/** A processor with all features, under a system that saves all registers. */
const everything = {
  leaf1: { ecx: -1 },
  leaf7: { ebx: -1, ecx: -1 },
  leaf7sub1: { eax: -1 },
  xcr0: 0b1110_0111,
};

describe("features", () => {
  test("everything", () => {
    const features = readFeatures(everything);
    assert.ok(Object.values(features).every((has) => has));
  });

  test("registers that the system does not save count as absent", () => {
    const withoutZmm = readFeatures({ ...everything, xcr0: 0b111 });
    assert.deepEqual([withoutZmm.avx2, withoutZmm.avx512, withoutZmm.avx512Vnni], [true, false, false]);
    const withoutYmm = readFeatures({ ...everything, xcr0: 0 });
    assert.ok(Object.values(withoutYmm).every((has) => !has));
  });

  test("AVX-512 needs all four of its parts", () => {
    for (const part of [16, 17, 30, 31])
      assert.equal(readFeatures({ ...everything, leaf7: { ebx: ~(1 << part), ecx: -1 } }).avx512, false);
  });

  test("the processor says what the kernel says", { skip: noLoader ?? false }, () => {
    const flags = new Set(/^flags\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
    const { avxVnni, ...features } = detectCpuFeatures();
    assert.deepEqual(features, {
      avx2: flags.has("avx2"),
      fma: flags.has("fma"),
      f16c: flags.has("f16c"),
      avx512: ["avx512f", "avx512dq", "avx512bw", "avx512vl"].every((flag) => flags.has(flag)),
      avx512Vnni: flags.has("avx512_vnni"),
    });
    // Linux lists this flag only since 5.12; every kernel on which this Node runs lists the others.
    if (flags.has("avx_vnni")) assert.ok(avxVnni);
  });
});
