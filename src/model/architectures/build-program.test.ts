import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Operation, Program } from "../../backend/backend.ts";
import { PagodaError } from "../../core/errors.ts";
import type { TensorType } from "../../core/tensor-type.ts";
import { parseGgufConfig } from "../config/gguf-config.ts";
import { readHuggingFaceConfig } from "../config/huggingface-config.ts";
import type { ModelConfig } from "../config/model-config.ts";
import { tinyCheckpoints, tinyFolder } from "../testing/checkpoint-conformance.ts";
import { readGguf } from "../weights/gguf.ts";
import { readSafetensorsFolder } from "../weights/safetensors.ts";
import type { StoredTensor, TensorDirectory } from "../weights/tensor-directory.ts";
import { buildProgram } from "./build-program.ts";

interface Checkpoint {
  readonly config: ModelConfig;
  readonly tensors: TensorDirectory;
}

function checkpoint(name: string): Checkpoint {
  const folder = join(tinyFolder, name);
  return { config: readHuggingFaceConfig(folder), tensors: readSafetensorsFolder(folder) };
}

const build = ({ config, tensors }: Checkpoint, quantization: "int4" | "int8" | null = null): Program =>
  buildProgram(config, tensors, { quantization });

/** The directory with one tensor changed, or (null) without it. */
function changed(
  tensors: TensorDirectory,
  name: string,
  change: Partial<StoredTensor> | null,
): TensorDirectory {
  const copy = new Map(tensors);
  const tensor = copy.get(name);
  copy.delete(name);
  if (change === null) return copy;
  const base = tensor ?? [...tensors.values()][0];
  assert.ok(base);
  return copy.set(name, { ...base, name, ...change });
}

function expectRefusal(act: () => void, code: string, ...words: string[]): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof PagodaError, String(error));
    assert.equal(error.code, code);
    for (const word of words) assert.ok(error.message.includes(word), `${word} in: ${error.message}`);
    return true;
  });
}

const storageOf = (program: Program, name: string): string | undefined =>
  program.weights.find((weight) => weight.name === name)?.storage;

function operations<K extends Operation["kind"]>(program: Program, kind: K) {
  return program.body.filter(
    (operation): operation is Extract<Operation, { kind: K }> => operation.kind === kind,
  );
}

describe("buildProgram", () => {
  it("names a missing tensor of a GGUF file as that format does", () => {
    const names = [
      "blk.1.ffn_up.weight",
      "blk.0.attn_norm.weight",
      "token_embd.weight",
      "output_norm.weight",
    ];
    for (const [file, own] of [
      ["llama-wide-head", "blk.1.ffn_norm.weight"],
      ["gemma3", "blk.1.post_attention_norm.weight"],
    ] as const) {
      const { metadata, tensors } = readGguf(join(tinyFolder, "../tiny-gguf", `${file}.gguf`));
      const config = parseGgufConfig(metadata, tensors);
      for (const name of [...names, own]) {
        assert.ok(tensors.has(name), name);
        const act = () => build({ config, tensors: changed(tensors, name, null) });
        expectRefusal(act, "model_invalid", `no tensor ${name}, which`);
      }
    }
  });

  for (const name of tinyCheckpoints) {
    it(`${name}: every tensor is declared once, every operation names what exists`, () => {
      const source = checkpoint(name);
      const program = build(source);
      assert.deepEqual(new Set(program.weights.map((weight) => weight.name)), new Set(source.tensors.keys()));
      program.weights.forEach((weight, id) => {
        assert.equal(weight.weightId, id);
      });
      program.buffers.forEach((buffer, id) => {
        assert.equal(buffer.bufferId, id);
      });
      assert.equal(program.layerStarts.length, source.config.numLayers);
      assert.equal(program.kvLayers.length, source.config.numLayers);
      assert.equal(program.buffers[program.logits]?.width, source.config.vocabularyWidth);
      assert.equal(program.head[0]?.kind, "gatherOutputs");
    });

    it(`${name}: six activation buffers are enough`, () => {
      const names = build(checkpoint(name))
        .buffers.filter(({ rows }) => rows === "tokens")
        .map((b) => b.name);
      assert.deepEqual(new Set(names), new Set(["hidden", "normed", "qkv", "attention", "gateUp", "glu"]));
    });
  }

  it("a layer's operations and weights lie where layerStarts says", () => {
    const program = build(checkpoint("llama-wide-head"));
    program.layerStarts.forEach((start, layer) => {
      const end = program.layerStarts[layer + 1] ?? program.body.length;
      for (const operation of program.body.slice(start, end))
        if (operation.kind === "linear")
          for (const { weightId } of operation.parts) assert.equal(program.weights[weightId]?.layer, layer);
    });
  });

  it("a tied head is the embedding, held once", () => {
    const program = build(checkpoint("llama-tied-odd-heads"));
    const head = program.head.find((operation) => operation.kind === "linear");
    const [embed] = operations(program, "embed");
    assert.ok(head?.kind === "linear" && embed);
    assert.equal(head.parts[0]?.weightId, embed.weightId);
  });

  it("Gemma 3 turns five layers of six by one table and the sixth by another", () => {
    const program = build(checkpoint("gemma3"));
    assert.deepEqual(
      operations(program, "rope").map(({ ropeId }) => ropeId),
      [1, 1, 1, 1, 1, 0],
    );
    assert.deepEqual(
      operations(program, "attention").map(({ window }) => window),
      [16, 16, 16, 16, 16, null],
    );
    assert.equal(program.ropeTables.length, 2);
  });
});

describe("weight storage", () => {
  it("keeps 16- and 32-bit weights as they are stored", () => {
    const { config, tensors } = checkpoint("llama-wide-head");
    const name = "model.layers.0.mlp.up_proj.weight";
    for (const [type, storage] of Object.entries({ F32: "f32", F16: "f16", BF16: "bf16" })) {
      const program = build({ config, tensors: changed(tensors, name, { type: type as TensorType }) });
      assert.equal(storageOf(program, name), storage);
    }
  });

  it("holds each GGUF encoding in four or eight bits", () => {
    const { config, tensors } = checkpoint("llama-wide-head");
    const name = "model.layers.0.mlp.up_proj.weight";
    const expected = {
      Q4_0: "q4",
      Q4_1: "q4",
      Q4_K: "q4",
      Q5_0: "q8",
      Q5_1: "q8",
      Q8_0: "q8",
      Q5_K: "q8",
      Q6_K: "q8",
    };
    for (const [type, storage] of Object.entries(expected))
      for (const quantization of [null, "int4"] as const) {
        const source = { config, tensors: changed(tensors, name, { type: type as TensorType }) };
        assert.equal(storageOf(build(source, quantization), name), storage);
      }
  });

  it("--quantization turns matrices into q4 or q8 and leaves vectors; int4 keeps embedding and head at 8 bits", () => {
    const source = checkpoint("llama-wide-head");
    const [int4, int8] = [build(source, "int4"), build(source, "int8")];
    assert.equal(storageOf(int4, "model.layers.1.self_attn.q_proj.weight"), "q4");
    assert.equal(storageOf(int8, "model.layers.1.self_attn.q_proj.weight"), "q8");
    for (const name of ["model.embed_tokens.weight", "lm_head.weight"]) {
      assert.equal(storageOf(int4, name), "q8");
      assert.equal(storageOf(int8, name), "q8");
    }
    for (const name of ["model.norm.weight", "model.layers.0.self_attn.q_proj.bias"])
      assert.equal(storageOf(int4, name), "f32");
  });

  it("--quantization leaves a matrix whose rows are no whole groups of 32", () => {
    const { config, tensors } = checkpoint("llama-wide-head");
    const [narrow, name] = [90, "model.layers.0.mlp.down_proj.weight"];
    let resized: TensorDirectory = tensors;
    for (const [tensorName, { shape }] of tensors)
      if (tensorName.includes(".mlp."))
        resized = changed(resized, tensorName, {
          shape: shape.map((width) => (width === 96 ? narrow : width)),
        });
    const program = build({ config: { ...config, intermediateWidth: narrow }, tensors: resized }, "int4");
    assert.equal(storageOf(program, name), "bf16");
    assert.equal(storageOf(program, "model.layers.0.mlp.up_proj.weight"), "q4");
  });
});

describe("checkpoints that do not fit their configuration", () => {
  const { config, tensors } = checkpoint("llama-wide-head");

  it("a missing tensor is named", () => {
    const name = "model.layers.1.mlp.gate_proj.weight";
    expectRefusal(() => build({ config, tensors: changed(tensors, name, null) }), "model_invalid", name);
  });

  it("a missing head is named where embeddings are not tied", () =>
    expectRefusal(
      () => build({ config, tensors: changed(tensors, "lm_head.weight", null) }),
      "model_invalid",
      "lm_head.weight",
    ));

  it("a left-over tensor is named", () => {
    const name = "model.layers.0.self_attn.sinks";
    expectRefusal(() => build({ config, tensors: changed(tensors, name, {}) }), "model_unsupported", name);
  });

  it("a layer more than the configuration has is left over", () =>
    expectRefusal(
      () => build({ config: { ...config, numLayers: 2, layers: config.layers.slice(0, 2) }, tensors }),
      "model_unsupported",
      "model.layers.2.",
      "more",
    ));

  it("a wrong shape is named with both shapes", () => {
    const name = "model.layers.0.self_attn.k_proj.weight";
    const tensorsOfOtherShape = changed(tensors, name, { shape: [64, 65] });
    expectRefusal(
      () => build({ config, tensors: tensorsOfOtherShape }),
      "model_invalid",
      name,
      "[64, 65]",
      "[64, 64]",
    );
    const flat = changed(tensors, name, { shape: [4096] });
    expectRefusal(() => build({ config, tensors: flat }), "model_invalid", name, "[4096]");
  });

  it("a vector in blocks is refused", () => {
    const inBlocks = changed(tensors, "model.norm.weight", { type: "Q8_0" });
    expectRefusal(
      () => build({ config, tensors: inBlocks }),
      "model_unsupported",
      "model.norm.weight",
      "Q8_0",
    );
  });

  it("saved buffers, a copy of a tied head and an image encoder are ignored", () => {
    const buffers = changed(tensors, "model.layers.0.self_attn.rotary_emb.inv_freq", {});
    assert.equal(build({ config, tensors: buffers }).weights.length, tensors.size);
    const tied = checkpoint("gemma3");
    const withImages = changed(tied.tensors, "vision_tower.encoder.weight", {});
    build({ config: tied.config, tensors: changed(withImages, "lm_head.weight", {}) });
    expectRefusal(
      () => build({ config, tensors: changed(tensors, "vision_tower.encoder.weight", {}) }),
      "model_unsupported",
      "vision_tower",
    );
  });

  it("the names of a text model inside a multimodal checkpoint", () => {
    const gemma = checkpoint("gemma3");
    for (const [from, to] of [
      [/^model\./, "language_model.model."],
      [/^model\./, "model.language_model."],
    ] as const) {
      const nested = [...gemma.tensors].map(([name, tensor]) => [name.replace(from, to), tensor] as const);
      assert.equal(build({ ...gemma, tensors: new Map(nested) }).weights.length, gemma.tensors.size);
    }
  });

  it("one weight under two names is refused", () => {
    const twice = changed(tensors, "language_model.model.norm.weight", {});
    expectRefusal(() => build({ config, tensors: twice }), "model_invalid", "model.norm.weight", "twice");
  });
});
