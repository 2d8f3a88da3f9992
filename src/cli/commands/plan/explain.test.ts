/** `pagoda plan explain` and `pagoda plan translate` through their door. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Explanation, Plan, Translation } from "../../../planner/index.ts";

const entry = join(import.meta.dirname, "../../main.ts");
const logs = join(import.meta.dirname, "../../../../tests/fixtures/planner/logs");
const state = mkdtempSync(join(tmpdir(), "pagoda-"));
after(() => rmSync(state, { recursive: true }));

function pagoda(words: readonly string[], input = "") {
  const env = { ...process.env, PAGODA_OFFLINE: "1", XDG_STATE_HOME: state };
  const { stdout, stderr, status } = spawnSync(process.execPath, [entry, "plan", ...words], {
    encoding: "utf8",
    env,
    input,
  });
  return { out: stdout, error: stderr, status };
}

test("a log is explained from a file and from standard input alike", () => {
  const file = join(logs, "lmdeploy-32b-awq-24g.txt");
  const named = pagoda(["explain", file, "--gpu", "RTX 4090"]);
  const piped = pagoda(["explain", "--gpu", "RTX 4090"], readFileSync(file, "utf8"));
  assert.equal(named.status, 0, named.error);
  assert.equal(named.out, piped.out);
  assert.match(named.out, /headroom is missing, not KV/);
  assert.match(named.out, /1\. --max-prefill-token-num \d+ --max-batch-size \d+/);
});

test("--json is the explanation; flags of the engine behind the log win over it", () => {
  const file = join(logs, "vllm-0.19.1-14b-awq-a10g.txt");
  const { out } = pagoda(["explain", file, "--gpu", "A10G", "--max-model-len", "8192", "--json"]);
  const explanation: Explanation = JSON.parse(out);
  assert.equal(explanation.schema, "pagoda.explanation/1");
  assert.equal(explanation.outcome, "refused");
  assert.equal(explanation.plan?.settings["max-model-len"]?.value, 8192);
});

test("--save: the next plan of the same start is measured", () => {
  const words = ["meta-llama/Llama-3.1-8B-Instruct", "--gpu", "H100", "--engine", "vllm@0.19.0", "--json"];
  const evidence = (): string | undefined => {
    const answer: Plan = JSON.parse(pagoda(words).out);
    return answer.components.find(({ name }) => name === "activations")?.quantity.evidence.kind;
  };
  assert.equal(evidence(), "estimated");
  const saved = pagoda(["explain", join(logs, "vllm-0.19.0-llama-8b-h100.txt"), "--gpu", "H100", "--save"]);
  assert.match(saved.error, /Saved to .*calibration\.json: weights, persistent, activations/);
  assert.equal(evidence(), "measured");
});

test("translate prints the command, and --json both plans", () => {
  const words = [
    "--from",
    "vllm serve Qwen/Qwen2.5-14B-Instruct-AWQ --gpu-memory-utilization 0.9",
    "--to",
    "lmdeploy",
  ];
  const { out, error } = pagoda(["translate", ...words, "--gpu", "RTX 4090", "--flags"]);
  assert.match(out, /^lmdeploy serve api_server \S+ --cache-max-entry-count 0\.\d{6,9}\b/, error);
  const translation: Translation = JSON.parse(
    pagoda(["translate", ...words, "--gpu", "RTX 4090", "--json"]).out,
  );
  assert.deepEqual([translation.from.engine, translation.to.engine], ["vllm", "lmdeploy"]);
});

test("what is wrong is one line with what to change", () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["explain", "/no/such/file"], /cannot be read/],
    [["explain", entry], /no line of vLLM or of LMDeploy/],
    [["explain", join(logs, "lmdeploy-pytorch-started.txt"), "--save"], /--model, --gpu/],
    [["translate", "--from", "ollama run x", "--to", "vllm"], /starts none of vllm, lmdeploy/],
    [
      ["translate", "--from", "vllm serve Qwen/Qwen3-8B", "--to", "exllama", "--gpu", "L4"],
      /vllm and lmdeploy/,
    ],
    [["translate", "--from", "vllm serve Qwen/Qwen3-8B", "--to", "lmdeploy", "--keep", "all"], /footprint/],
  ];
  for (const [words, message] of cases) {
    const { error, status } = pagoda(words);
    assert.equal(status, 1, words.join(" "));
    assert.match(error, message);
    assert.equal(error.trim().split("\n").length, 1, error);
  }
});
