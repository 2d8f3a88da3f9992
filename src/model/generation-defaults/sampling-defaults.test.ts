import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { familyRecommendations, llamaServerSampling, recommendationFor } from "./family-recommendations.ts";
import { generationConfigFile, type SamplingSources, samplingDefaults } from "./sampling-defaults.ts";

const smollm2: SamplingSources = {
  choice: { kind: "auto" },
  override: null,
  own: { sampling: {} },
  ownOrigin: "its file",
  architecture: "llama",
  names: ["smollm2", "x.gguf"],
};
const unknown: SamplingSources = { ...smollm2, names: ["x.gguf"] };

test("where the model states nothing: its family's recommendation, else llama-server's", () => {
  assert.deepEqual(samplingDefaults(smollm2), {
    stated: {},
    recommended: { temperature: 0.2, topP: 0.9 },
    origin: "recommended for SmolLM2",
    maxTokensCeiling: null,
  });
  const { recommended, origin } = samplingDefaults(unknown);
  assert.deepEqual(recommended, llamaServerSampling);
  assert.match(origin, /llama-server's defaults/);
});

test("what the model states is taken alone: no recommendation is mixed into it", () => {
  const own = { sampling: { temperature: 0.6, maxTokens: 64 } };
  const { stated, recommended, origin } = samplingDefaults({ ...smollm2, own });
  assert.deepEqual([stated, recommended, origin], [own.sampling, {}, "its file"]);
  // A length says nothing of how tokens are chosen.
  const lengthOnly = samplingDefaults({ ...smollm2, own: { sampling: { maxTokens: 64 } } });
  assert.deepEqual([lengthOnly.stated.maxTokens, lengthOnly.recommended.temperature], [64, 0.2]);
});

test("an override wins field by field, and its max_new_tokens is a ceiling; vllm leaves the model's own out", () => {
  const own = { sampling: { temperature: 0.6, topP: 0.9 } };
  const override = { sampling: { temperature: 0.1, maxTokens: 32 } };
  const overridden = samplingDefaults({ ...smollm2, own, override });
  assert.deepEqual(overridden.stated, { temperature: 0.1, topP: 0.9, maxTokens: 32 });
  assert.equal(overridden.maxTokensCeiling, 32);
  assert.equal(overridden.origin, "--override-generation-config, then its file");
  const neutral = samplingDefaults({ ...smollm2, own, choice: { kind: "vllm" } });
  assert.deepEqual([neutral.stated, neutral.recommended], [{}, {}]);
  assert.equal(neutral.origin, "--generation-config vllm");
  const both = samplingDefaults({ ...smollm2, own, override, choice: { kind: "vllm" } });
  assert.deepEqual([both.stated, both.recommended], [override.sampling, {}]);
});

test("another file replaces the model's own, by its path or its folder", (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "generation_config.json");
  writeFileSync(path, '{"temperature": 0.3, "eos_token_id": 2}');
  for (const named of [folder, path]) {
    const own = { sampling: { topK: 5 } };
    const { stated, origin } = samplingDefaults({ ...smollm2, own, choice: generationConfigFile(named) });
    assert.deepEqual([stated, origin], [{ temperature: 0.3 }, named]);
  }
  assert.throws(
    () => generationConfigFile(join(folder, "no.json")),
    (error) =>
      error instanceof PagodaError && error.code === "invalid_option" && /no\.json/.test(error.message),
  );
});

test("families are found by architecture and by any of the model's names", () => {
  const found = (architecture: string, ...names: string[]) =>
    recommendationFor(architecture, names)?.family ?? null;
  assert.equal(found("llama", "Smollm2 135M 8k Lc100K Mix1 Ep2"), "SmolLM2 135M");
  assert.equal(found("llama", "HuggingFaceTB/SmolLM2-135M-Instruct"), "SmolLM2 135M");
  assert.equal(found("llama", "SmolLM2-1.7B-Instruct"), "SmolLM2");
  assert.equal(found("llama", "Llama-3.2-1B-Instruct-Q4_K_M.gguf"), "Llama 3");
  assert.equal(found("qwen3", "anything"), "Qwen3");
  assert.equal(found("qwen3", "Qwen3-4B-Instruct-2507"), "Qwen3 Instruct 2507");
  assert.equal(found("qwen2", "Qwen2.5-0.5B-Instruct"), "Qwen2.5");
  assert.equal(found("gemma3_text", "g"), "Gemma 3");
  assert.equal(found("phi3", "Phi-4-mini-instruct"), "Phi 4 mini");
  assert.equal(found("phi3", "Phi-3-mini-4k-instruct"), null);
  assert.equal(found("olmo2", "OLMo-2-0425-1B-Instruct"), null);
  assert.equal(found("", ""), null);
});

test("every recommendation names its source and is in range", () => {
  for (const { family, source, sampling } of familyRecommendations) {
    assert.match(source, /card|generation_config|documentation/, family);
    assert.ok((sampling.temperature ?? 0) <= 1 && (sampling.topP ?? 1) <= 1, family);
  }
});
