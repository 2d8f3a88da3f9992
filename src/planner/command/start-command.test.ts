import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PagodaError } from "../../core/errors.ts";
import { vllmFlags } from "../engines/vllm/settings/flag-table.ts";
import { commandText } from "./shell-words.ts";
import { parseStartCommand, type StartCommand } from "./start-command.ts";
import { typedFlags } from "./typed-flags.ts";

const start = (text: string): Pick<StartCommand, "engine" | "model" | "flags"> => {
  const { engine, model, flags } = parseStartCommand(text);
  return { engine, model, flags };
};

describe("starts of an engine, however they are called", () => {
  const flags = { "gpu-memory-utilization": "0.9", "enforce-eager": true };
  for (const text of [
    "vllm serve o/m --gpu-memory-utilization 0.9 --enforce-eager",
    "CUDA_VISIBLE_DEVICES=1 vllm serve --gpu_memory_utilization=0.9 --enforce-eager --model o/m",
    "python3 -m vllm.entrypoints.openai.api_server --model o/m --gpu-memory-util=0.9 --enforce_eager",
    "nohup /opt/venv/bin/vllm serve o/m --gpu-memory-utilization 0.9 --enforce-eager > log 2>&1 &",
    "uv run --with vllm vllm serve --enforce-eager o/m --gpu-memory-utilization 0.9",
    "docker run --gpus all -v ~/.cache:/root/.cache -e HF_TOKEN=x -p 8000:8000 --ipc=host vllm/vllm-openai:v0.11.0 --model o/m --gpu-memory-utilization 0.9 --enforce-eager",
    "sudo podman run --rm docker.io/vllm/vllm-openai:latest \\\n o/m \\\n --gpu-memory-utilization 0.9 \\\n --enforce-eager",
    "docker run --entrypoint /bin/bash rocm/vllm:latest vllm serve o/m --gpu-memory-utilization 0.9 --enforce-eager",
  ])
    test(text.slice(0, 70), () => assert.deepEqual(start(text), { engine: "vllm", model: "o/m", flags }));

  test("LMDeploy, and its container", () => {
    const expected = { engine: "lmdeploy", model: "o/m", flags: { tp: "2" } };
    assert.deepEqual(start("lmdeploy serve api_server o/m --tensor-parallel-size 2"), expected);
    assert.deepEqual(
      start("docker run --runtime nvidia openmmlab/lmdeploy:v0.14.0 lmdeploy serve api_server o/m --tp 2"),
      expected,
    );
  });

  test("a container's tag is the version, and variables are kept", () => {
    const text = "A=1 docker run -e VLLM_USE_V1=0 --env=B=x=y vllm/vllm-openai:v0.8.5.post1 --model o/m";
    const { version, environment } = parseStartCommand(text);
    assert.equal(version, "0.8.5");
    assert.deepEqual(environment, { A: "1", VLLM_USE_V1: "0", B: "x=y" });
  });

  test("what starts nothing, names no model, or has a stray word is refused", () => {
    for (const [text, message] of [
      ["ollama run x", /starts none of vllm, lmdeploy/],
      ["vllm serve --tensor-parallel-size 2", /names no model/],
      ["vllm serve o/m --max-model-len 8192 more", /"more" belongs to no flag/],
    ] as const)
      assert.throws(
        () => parseStartCommand(text),
        (error) => error instanceof PagodaError && message.test(error.message),
      );
  });
});

describe("flags as people type them", () => {
  const flagsOf = (text: string) => typedFlags(text.split(" "), vllmFlags).flags;

  test("short names, joined values, underscores and prefixes mean one flag", () => {
    for (const text of ["-tp 2", "-tp=2", "-tp2", "--tp 2", "--tensor_parallel_size=2", "--tensor-par 2"])
      assert.deepEqual(flagsOf(text), { "tensor-parallel-size": "2" }, text);
    assert.deepEqual(flagsOf("-O3"), { "optimization-level": "3" });
    assert.deepEqual(flagsOf("--no-enable-prefix-caching"), { "no-enable-prefix-caching": true });
  });

  test("a list takes all words up to the next flag, a value one, a switch none", () => {
    assert.deepEqual(flagsOf("--served-model-name a b --cudagraph-capture-sizes 1 2 4 --enforce-eager"), {
      "served-model-name": ["a", "b"],
      "cudagraph-capture-sizes": ["1", "2", "4"],
      "enforce-eager": true,
    });
    assert.deepEqual(typedFlags(["--enforce-eager", "o/m"], vllmFlags).positional, ["o/m"]);
    assert.deepEqual(flagsOf("--unknown-to-us x y"), { "unknown-to-us": ["x", "y"] });
    assert.deepEqual(flagsOf("--cpu-offload-gb -1"), { "cpu-offload-gb": "-1" });
  });

  test("a dotted flag is a key of the flag's JSON", () => {
    assert.deepEqual(
      flagsOf("--speculative-config.method eagle3 --speculative-config.num-speculative-tokens 3"),
      {
        "speculative-config": '{"method":"eagle3","num_speculative_tokens":3}',
      },
    );
    assert.deepEqual(flagsOf("-cc.mode=0 --limit-mm-per-prompt.image 0"), {
      "compilation-config": '{"mode":0}',
      "limit-mm-per-prompt": '{"image":0}',
    });
    assert.deepEqual(flagsOf('--hf-overrides {"a":1} --hf-overrides.b.c true'), {
      "hf-overrides": '{"a":1,"b":{"c":true}}',
    });
  });

  test("a prefix of several flags, and one flag twice with two values, are refused", () => {
    assert.throws(() => flagsOf("--max-num 4"), /--max-num could be .*--max-num-batched-tokens.* or /);
    assert.throws(() => flagsOf("-tp 2 --tensor-parallel-size 4"), /is given twice: 2 and 4/);
    assert.deepEqual(flagsOf("-tp 2 --tensor-parallel-size 2"), { "tensor-parallel-size": "2" });
  });
});

test("flags, printed as a command and read again, are the same flags", () => {
  const names = vllmFlags.filter(({ kind }) => kind !== "switch").map(({ name }) => name);
  const switches = vllmFlags.filter(({ kind }) => kind === "switch").map(({ name }) => name);
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom(...names),
        fc.string({ minLength: 1 }).filter((text) => !/^-|\n/.test(text)),
      ),
      fc.subarray(switches, { maxLength: 4 }),
      (valued, on) => {
        const flags = { ...valued, ...Object.fromEntries(on.map((name) => [name, true])) };
        const { model: _model, ...others } = flags as Record<string, string | true>;
        const words = Object.entries(others).flatMap(([name, given]) =>
          given === true ? [`--${name}`] : [`--${name}`, given],
        );
        const text = commandText(["vllm", "serve", "o/m", ...words]);
        assert.deepEqual(start(text).flags, others);
      },
    ),
    { numRuns: 300 },
  );
});
