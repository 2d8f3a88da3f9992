import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PagodaError } from "../../core/errors.ts";
import type { LooseFields } from "./field-reader.ts";
import { parseHuggingFaceConfig } from "./huggingface-config.ts";
import { architectureNames } from "./model-config.ts";

const tiny = resolve(import.meta.dirname, "../../../tests/fixtures/tiny");
const dense = [
  "gemma2",
  "gemma3",
  "granite",
  "llama-gqa-rope-scaled",
  "llama-tied-odd-heads",
  "llama-wide-head",
  "mistral-sliding-window",
  "olmo2",
  "phi3",
  "qwen2",
  "qwen3",
];

type Fields = Record<string, unknown>;
const fieldsOf = (name: string): Fields => JSON.parse(readFileSync(join(tiny, name, "config.json"), "utf8"));
const without = (fields: LooseFields, ...names: string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

/** The same config as transformers 4 would have written it. */
function withOldNames(fields: Fields): Fields {
  const { rope_parameters, dtype, layer_types, _sliding_window_pattern, ...rest } = fields;
  const old: Fields = { ...rest, torch_dtype: dtype };
  const rope = rope_parameters as Fields;
  const full = (rope.full_attention ?? rope) as Fields;
  const sliding = rope.sliding_attention as Fields | undefined;
  old.rope_theta = full.rope_theta;
  const scaling = without(full, "rope_theta", "partial_rotary_factor");
  old.rope_scaling = scaling.rope_type === "default" ? null : scaling;
  if (sliding !== undefined) old.rope_local_base_freq = sliding.rope_theta;
  if (fields.model_type === "gemma3_text") old.sliding_window_pattern = 6;
  return old;
}

describe("config.json", () => {
  for (const name of dense)
    it(`${name}: old names load alike`, () =>
      assert.deepEqual(
        parseHuggingFaceConfig(withOldNames(fieldsOf(name))),
        parseHuggingFaceConfig(fieldsOf(name)),
      ));

  it("the old rope type field and Phi-3's old names", () => {
    const factors = Array.from({ length: 8 }, (_, i) => 1 + i);
    const scaling = { short_factor: factors, long_factor: factors.map((f) => 2 * f) };
    const phi = without(fieldsOf("phi3"), "rope_parameters");
    const positions = { max_position_embeddings: 65_536, original_max_position_embeddings: 4096 };
    const old = { ...phi, ...positions, rope_theta: 10_000, rope_scaling: { type: "su", ...scaling } };
    const current = {
      ...phi,
      ...positions,
      rope_parameters: { rope_type: "longrope", rope_theta: 10_000, ...scaling },
    };
    assert.deepEqual(parseHuggingFaceConfig(old), parseHuggingFaceConfig(current));
    const [rope] = parseHuggingFaceConfig(old).ropes;
    assert.equal(rope?.kind, "longrope");
    assert.ok(rope.kind === "longrope" && Math.abs(rope.attentionFactor - Math.sqrt(1 + 4 / 12)) < 1e-12);
  });

  it("a nested text_config with what Gemma 3's class assumes left out", () => {
    const text = {
      hidden_size: 2560,
      intermediate_size: 10_240,
      num_hidden_layers: 34,
      sliding_window: 1024,
    };
    const config = parseHuggingFaceConfig({
      architectures: ["Gemma3ForConditionalGeneration"],
      model_type: "gemma3",
      text_config: { ...text, model_type: "gemma3_text", rope_scaling: { factor: 8, rope_type: "linear" } },
      vision_config: { hidden_size: 1152 },
    });
    assert.equal(config.numHeads, 8);
    assert.equal(config.numKvHeads, 4);
    assert.equal(config.headDim, 256);
    assert.equal(config.vocabularyWidth, 262_208);
    assert.equal(config.tiedEmbeddings, true);
    assert.deepEqual(config.ropes, [
      { kind: "linear", theta: 1_000_000, factor: 8 },
      { kind: "default", theta: 10_000 },
    ]);
    assert.deepEqual(
      config.layers.slice(0, 7).map(({ window }) => window),
      [1024, 1024, 1024, 1024, 1024, null, 1024],
    );
  });

  it("Qwen's windows begin at max_window_layers, and only where they are switched on", () => {
    const { layer_types, ...fields } = fieldsOf("qwen2");
    const windows = (changes: Fields) =>
      parseHuggingFaceConfig({ ...fields, sliding_window: 8, max_window_layers: 1, ...changes }).layers.map(
        ({ window }) => window,
      );
    assert.deepEqual(windows({ use_sliding_window: true }), [null, 8, 8]);
    assert.deepEqual(windows({ use_sliding_window: false }), [null, null, null]);
  });

  it("fields that a class does not read change nothing", () => {
    const biases = { attention_bias: true, mlp_bias: true };
    const ignored: readonly (readonly [architecture: string, changes: Fields])[] = [
      ["mistral-sliding-window", biases],
      ["phi3", biases],
      ["qwen2", { attention_bias: false, mlp_bias: true }],
      ["qwen3", { mlp_bias: true }],
      ["olmo2", { mlp_bias: true }],
      ["gemma3", { attn_logit_softcapping: 50 }],
      ["llama-wide-head", { partial_rotary_factor: 0.5 }],
    ];
    for (const [architecture, changes] of ignored) {
      const fields = fieldsOf(architecture);
      const changed = parseHuggingFaceConfig({ ...fields, ...changes });
      assert.deepEqual(changed, parseHuggingFaceConfig(fields), architecture);
    }
    const { biases: read } = parseHuggingFaceConfig({ ...fieldsOf("olmo2"), attention_bias: true });
    assert.deepEqual(read, { qkv: true, attentionOutput: true, mlp: false });
  });

  it("Gemma 3's rope objects are one for each kind of layer; a flat one is not read", () => {
    const fields = without(fieldsOf("gemma3"), "rope_parameters");
    const ropes = (changes: Fields) => parseHuggingFaceConfig({ ...fields, ...changes }).ropes;
    const plain = (...thetas: number[]) => thetas.map((theta) => ({ kind: "default", theta }));
    const flat = { rope_type: "linear", factor: 2, rope_theta: 50_000 };
    assert.deepEqual(ropes({ rope_parameters: flat }), plain(1_000_000, 10_000));
    const beside = { rope_theta: 90_000, rope_local_base_freq: 7000 };
    assert.deepEqual(ropes({ rope_parameters: flat, ...beside }), plain(90_000, 7000));
    const nested = { full_attention: { rope_type: "default" }, sliding_attention: { rope_theta: 5 } };
    assert.deepEqual(ropes({ rope_parameters: nested, ...beside }), plain(90_000, 5));
    const [full, local] = ropes({
      rope_parameters: nested,
      rope_scaling: { rope_type: "linear", factor: 8 },
    });
    assert.deepEqual([full?.kind, local], ["linear", { kind: "default", theta: 5 }]);
  });

  it("only Gemma 3 reads a window's pattern, under its public name", () => {
    const windows = (architecture: string, changes: Fields) => {
      const fields = without(fieldsOf(architecture), "layer_types");
      const { layers } = parseHuggingFaceConfig({ ...fields, ...changes });
      return layers.map(({ window }) => (window === null ? "full" : "window")).join(" ");
    };
    assert.match(windows("gemma3", { sliding_window_pattern: 2 }), /^window full window/);
    assert.match(windows("gemma3", { _sliding_window_pattern: 2 }), /^window window window/);
    assert.match(windows("gemma2", { sliding_window_pattern: 3 }), /^window full window/);
  });

  it("a dynamic stretch begins where the model's context ends", () => {
    const fields = fieldsOf("llama-wide-head");
    const dynamic = { rope_type: "dynamic", rope_theta: 10_000, factor: 2 };
    assert.deepEqual(parseHuggingFaceConfig({ ...fields, rope_parameters: dynamic }).ropes, [
      { kind: "default", theta: 10_000 },
    ]);
  });

  it("is frozen, all of it", () => {
    const config = parseHuggingFaceConfig(fieldsOf("gemma3"));
    for (const part of [
      config,
      config.layers,
      config.layers[0],
      config.ropes,
      config.ropes[0],
      config.biases,
    ])
      assert.ok(Object.isFrozen(part));
  });
});

describe("config.json that asks for what is not implemented", () => {
  const refusals: readonly (readonly [field: string, changes: Fields])[] = [
    ["hidden_act", { hidden_act: "relu2" }],
    ["rope_type", { rope_parameters: { rope_type: "proportional", rope_theta: 10_000 } }],
    ["rope_type", { rope_parameters: { rope_type: "spiral" } }],
    ["mrope_section", { rope_parameters: { rope_type: "default", mrope_section: [1, 2] } }],
    ["num_local_experts", { num_local_experts: 8 }],
    ["num_experts", { num_experts: 8 }],
    ["mlp_only_layers", { mlp_only_layers: [1] }],
    ["attention_sinks", { attention_sinks: true }],
    ["kv_lora_rank", { kv_lora_rank: 512 }],
    ["use_bidirectional_attention", { use_bidirectional_attention: true }],
    ["quantization_config", { quantization_config: { quant_method: "awq" } }],
    ["architectures", { architectures: ["LlamaForSequenceClassification"] }],
    ["layer_types", { layer_types: ["full_attention", "chunked_attention", "full_attention"] }],
  ];
  for (const [field, changes] of refusals)
    it(`${field}: ${JSON.stringify(changes)}`, () => {
      const act = () => parseHuggingFaceConfig({ ...fieldsOf("llama-wide-head"), ...changes });
      assert.throws(act, (error) => isRefusal(error, "model_unsupported", field));
    });

  it("values that change nothing pass", () => {
    const harmless = {
      num_experts: 0,
      mlp_only_layers: [],
      use_bidirectional_attention: false,
      q_lora_rank: null,
    };
    parseHuggingFaceConfig({ ...fieldsOf("llama-wide-head"), ...harmless });
  });

  it("an unknown architecture lists those that are known", () => {
    for (const model_type of ["gpt_oss", "mixtral", "deepseek_v3", "qwen3_moe", "constructor", "__proto__"])
      assert.throws(
        () => parseHuggingFaceConfig({ ...fieldsOf("llama-wide-head"), model_type }),
        (error) =>
          error instanceof PagodaError &&
          error.code === "model_unsupported" &&
          architectureNames.every((name) => error.hint?.includes(name)) &&
          error.message.includes(model_type),
      );
  });
});

describe("config.json that cannot be", () => {
  const absurd: readonly (readonly [field: string, changes: Fields])[] = [
    ["num_attention_heads", { num_attention_heads: 0 }],
    ["num_hidden_layers", { num_hidden_layers: 1e12 }],
    ["num_hidden_layers", { num_hidden_layers: 2.5 }],
    ["hidden_size", { hidden_size: Number.NaN }],
    ["hidden_size", { hidden_size: "64" }],
    ["hidden_size", { hidden_size: null }],
    ["vocab_size", { vocab_size: -1 }],
    ["rms_norm_eps", { rms_norm_eps: Number.POSITIVE_INFINITY }],
    ["num_key_value_heads", { num_key_value_heads: 3 }],
    ["head_dim", { head_dim: 15 }],
    ["head_dim", { head_dim: null, num_attention_heads: 3, num_key_value_heads: 3 }],
    ["model_type", { model_type: 7 }],
    ["rope_theta", { rope_parameters: { rope_theta: 0 } }],
    ["rope_parameters", { rope_parameters: [1] }],
    ["attention_bias", { attention_bias: "yes" }],
    ["layer_types", { layer_types: ["full_attention"] }],
    [
      "short_factor",
      {
        rope_parameters: { rope_type: "longrope", short_factor: [1], long_factor: [1] },
        original_max_position_embeddings: 64,
      },
    ],
  ];
  for (const [field, changes] of absurd)
    it(`${field}: ${JSON.stringify(changes)}`, () => {
      const act = () => parseHuggingFaceConfig({ ...fieldsOf("llama-wide-head"), ...changes });
      assert.throws(act, (error) => isRefusal(error, "model_invalid", field));
    });

  it("2,000 mutated configs either load or are refused by name", () => {
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.double(),
      fc.constantFrom(0, -1, 1e12, 1e-300, Number.NaN, null, "", [], {}, true),
    );
    const configs = dense.map(fieldsOf);
    const mutation = fc.record({ config: fc.nat(), field: fc.nat(), value: junk, drop: fc.boolean() });
    fc.assert(
      fc.property(mutation, ({ config, field, value, drop }) => {
        const fields = configs[config % configs.length] ?? {};
        const names = Object.keys(fields);
        const name = names[field % names.length] ?? "";
        const mutated = drop ? without(fields, name) : { ...fields, [name]: value };
        try {
          parseHuggingFaceConfig(mutated);
        } catch (error) {
          assert.ok(error instanceof PagodaError, String(error));
        }
      }),
      { numRuns: 2000, seed: 20 },
    );
  });
});

function isRefusal(error: unknown, code: string, field: string): boolean {
  assert.ok(error instanceof PagodaError, String(error));
  assert.equal(error.code, code);
  assert.equal(error.param, field);
  assert.ok(error.message.includes(field), error.message);
  return true;
}
