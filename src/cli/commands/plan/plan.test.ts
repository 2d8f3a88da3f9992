/** `pagoda plan` through its door: the program is run, and its output and exit status are read. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const entry = join(import.meta.dirname, "../../main.ts");

function pagoda(...words: string[]): {
  readonly out: string;
  readonly error: string;
  readonly status: number | null;
} {
  const environment = { ...process.env, PAGODA_OFFLINE: "1" };
  const ran = spawnSync(process.execPath, [entry, "plan", ...words], { encoding: "utf8", env: environment });
  return { out: ran.stdout, error: ran.stderr, status: ran.status };
}

test("the table draws the card, states evidence, and ends with the command to type", () => {
  const { out, status } = pagoda(
    "Qwen/Qwen2.5-14B-Instruct-AWQ",
    "--gpu",
    "RTX 4090",
    "--engine",
    "lmdeploy",
  );
  assert.equal(status, 0);
  assert.match(out, /^\[c+W+K+A+·+\]$/m);
  assert.match(out, /W weights +9\.44 GiB +exact/);
  assert.match(out, /Object cache budget: [\d.]+ MB from free/);
  assert.equal(out.trimEnd().split("\n").at(-1), "lmdeploy serve api_server Qwen/Qwen2.5-14B-Instruct-AWQ");
});

test("--json is the frozen plan, --flags the command alone, and a start that dies ends with status 3", () => {
  const { out, status } = pagoda(
    "Qwen/Qwen2.5-32B-Instruct-AWQ",
    "--gpu",
    "4090",
    "--engine",
    "lmdeploy",
    "--json",
  );
  const answer = JSON.parse(out);
  assert.equal(status, 3);
  assert.equal(answer.schema, "pagoda.plan/2");
  assert.equal(answer.verdict.kind, "dies");
  assert.ok(answer.verdict.suggestions.length > 0);
  const flags = pagoda(
    "Qwen/Qwen2.5-7B-Instruct",
    "--gpu",
    "L4",
    "--max-model-len",
    "8k",
    "--host",
    "0.0.0.0",
    "--flags",
  );
  assert.equal(flags.out.trim(), "vllm serve Qwen/Qwen2.5-7B-Instruct --max-model-len 8k --host 0.0.0.0");
});

test("what is not known is refused in one line with the nearest known thing", () => {
  const refusals = [
    [["Qwen/Qwen2.5-7B-Instruct", "--gpu", "RTX 4091"], /RTX 4090/],
    [["Qwen/Qwen2.5-7B-Instruct", "--gpu", "L4", "--engine", "vlm"], /vllm/],
    [["Qwen2.5-7B-Instrct", "--gpu", "L4"], /Qwen2\.5-7B-Instruct/],
    [["Qwen/Qwen2.5-7B-Instruct", "--gpu", "L4", "--max-modle-len", "4096"], /--max-model-len/],
    [["Qwen/Qwen2.5-7B-Instruct", "--gpu", "L4", "--users", "none"], /whole number/],
  ] as const;
  for (const [words, hint] of refusals) {
    const { error, status } = pagoda(...words);
    assert.equal(status, 1, words.join(" "));
    assert.match(error, hint);
    assert.equal(error.trim().split("\n").length, 1);
  }
});

test("a config.json alone is enough, and one that names no architecture is refused by the field", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-plan-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const config = {
    architectures: ["LlamaForCausalLM"],
    hidden_size: 576,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
    vocab_size: 49_152,
    tie_word_embeddings: true,
    max_position_embeddings: 8192,
  };
  const path = join(folder, "config.json");
  writeFileSync(path, JSON.stringify(config));
  assert.match(pagoda(path, "--gpu", "L4").out, /0\.13 B parameters/);
  writeFileSync(path, JSON.stringify({ ...config, architectures: ["LlamaForCausalLn"] }));
  assert.match(pagoda(path, "--gpu", "L4").error, /LlamaForCausalLM/);
  writeFileSync(path, JSON.stringify({ ...config, hidden_size: -1 }));
  assert.match(pagoda(path, "--gpu", "L4").error, /hidden_size is -1/);
});

test("users, replicas and one large against several small", () => {
  const fit = pagoda("Qwen/Qwen2.5-14B-Instruct-AWQ", "--gpu", "4090", "--users", "40", "--context", "4096");
  assert.match(fit.out, /what decided: \d+ KV tokens for the 163840 that 40 × 4096 take/);
  const replicas = pagoda(
    "Qwen/Qwen2.5-14B-Instruct-AWQ",
    "--gpu",
    "4090",
    "--engine",
    "lmdeploy",
    "--replicas",
    "2",
  );
  assert.match(replicas.out, /^1 of 2 identical commands start; the largest number that does is 1\./);
  const compared = pagoda("Qwen/Qwen2.5-0.5B", "--gpu", "4090", "--compare", "4", "--users", "16");
  assert.match(
    compared.out,
    /1 × 16 +starts.*\n +4 × 4 +starts.*\n +changed so that it starts: --gpu-memory-utilization 0\.2\d --kv-cache-memory-bytes \d+\n1 × 16 decodes an estimated \d+ % faster/,
  );
});

test("compare puts whole starts side by side", () => {
  const model = "Qwen/Qwen2.5-14B-Instruct-AWQ";
  const { out, status } = pagoda(
    "compare",
    "--gpu",
    "RTX 4090",
    `vllm serve ${model} --kv-cache-dtype fp8`,
    `lmdeploy serve api_server ${model}`,
  );
  assert.equal(status, 0);
  assert.match(
    out,
    /^1\. vllm serve .*\n +fits.*\n +weights 9\.38 GiB.*\n2\. lmdeploy .*\n +fits.*\n +weights 9\.44 GiB/,
  );
  assert.match(pagoda("compare", "--gpu", "L4", "vllm serve").error, /names no model/);
});

test("starts on one card in order: what each finds, which fails; the list of quantizations is searched in its order", () => {
  const start = "vllm serve Qwen/Qwen2.5-0.5B --max-model-len 2048 --gpu-memory-utilization";
  const card = pagoda("compare", "--together", "--gpu", "RTX 4090", `${start} 0.6`, `${start} 0.6`);
  assert.equal(card.status, 3);
  assert.match(
    card.out,
    /^1\. .*\n +finds 0 .* taken: starts.*\n.*\n2\. .*\n +finds 1[\d.]+ GiB taken: refused/,
  );
  const words = ["Qwen/Qwen2.5-14B-Instruct", "--gpu", "4090", "--users", "4", "--context", "4096"];
  const fitted = pagoda(...words, "--quantizations", "none,fp8,awq");
  assert.match(fitted.out, /what decided: .*; weights: fp8/);
});

test("the version of starts on one card is stated once: what the L40S of vLLM's issue 14376 did with 0.8.5", () => {
  const start = (share: string): string =>
    `vllm serve meta-llama/Llama-3.2-1B-Instruct --max-model-len 1024 --gpu-memory-utilization ${share}`;
  const together = (...words: string[]) => pagoda("compare", "--together", "--gpu", "L40S", ...words);
  const second = (...shares: [string, string]): string | undefined =>
    /\n2\. .*\n +finds [\d.]+ GiB taken: (\w+)/.exec(
      together("--engine", "vllm@0.8.5", "--", ...shares.map(start)).out,
    )?.[1];
  assert.deepEqual(
    [second("0.2", "0.2"), second("0.2", "0.3"), second("0.3", "0.3")],
    ["refused", "starts", "refused"],
  );
  const passedOn = together(`${start("0.2")} --frobnicate`, start("0.2"));
  assert.match(passedOn.out, /note: Passed on to vLLM and not planned with: --frobnicate\.\n2\./);
  assert.match(together("--engine", "vllm", "--", start("0.2")).error, /--engine vllm states no version; /);
  assert.match(
    together("--engine", "vllm@0.8", "vllm@0.9", "--", start("0.2")).error,
    /two versions of vllm/,
  );
  assert.match(together("--engine", "lmdeploy@0.9", "--", start("0.2")).error, /commands start vllm\./);
});

test("--list names the catalogue's models, all or those with the words; a model must be named otherwise", () => {
  const all = pagoda("--list").out.trimEnd().split("\n");
  assert.ok(all.length > 50 && all.includes("Qwen/Qwen2.5-7B-Instruct"));
  const some = pagoda("--list", "qwen2.5 7b").out.trimEnd().split("\n");
  assert.ok(some.length < 10 && some.every((name) => /qwen2\.5.*7b/i.test(name)));
  assert.deepEqual(JSON.parse(pagoda("--list", "qwen2.5 7b", "--json").out), some);
  const none = pagoda("--list", "zzzzz");
  assert.equal(none.status, 1);
  assert.match(none.error, /No model of the catalogue has the words "zzzzz"/);
  assert.match(pagoda().error, /The model to plan is missing\. Name one/);
});

test("a name that is not known is told what is near to it", () => {
  const { error } = pagoda("Qwen2.5-7B-Instuct", "--gpu", "L4");
  assert.match(error, /Near to it: Qwen\/Qwen2\.5-7B-Instruct[,.]/);
  assert.match(pagoda("zzzz/zzzzzzzz", "--gpu", "L4").error, /^pagoda: /);
});

test("a whole start command is planned as it was pasted, in quotes or without; --engine must not contradict it", () => {
  const planned = (...words: string[]): string => pagoda(...words, "--gpu", "L4", "--flags").out.trim();
  const model = "Qwen/Qwen2.5-7B-Instruct";
  const start = `vllm serve ${model} --max-model-len 4096`;
  assert.equal(planned(start), start);
  assert.equal(planned(...start.split(" ")), start);
  assert.equal(planned(start, "--max-num-seqs", "8"), `${start} --max-num-seqs 8`);
  const image = `docker run --gpus all -p 8000:8000 vllm/vllm-openai:latest --model ${model} --enforce-eager`;
  assert.equal(planned(image), `vllm serve ${model} --enforce-eager`);
  assert.equal(planned(`lmdeploy serve api_server ${model}`), `lmdeploy serve api_server ${model}`);
  const contradicted = pagoda(start, "--gpu", "L4", "--engine", "lmdeploy");
  assert.match(contradicted.error, /--engine states lmdeploy, and the command starts vllm\./);
  assert.equal(contradicted.status, 1);
});

test("a local model keeps its path in every engine's command, and a name of the catalogue is written whole", () => {
  const root = join(import.meta.dirname, "../../../..");
  const folder = join(root, "tests/fixtures/tiny/qwen3");
  const planned = (model: string, engine: string): string | undefined =>
    pagoda(model, "--gpu-memory", "8GiB", "--engine", engine, "--flags").out.trim().split(" ").at(-1);
  for (const engine of ["vllm", "lmdeploy", "pagoda"]) {
    assert.equal(planned(folder, engine), folder);
    assert.equal(planned(join(folder, "config.json"), engine), folder);
    assert.equal(planned("qwen2.5-7b-instruct", engine), "Qwen/Qwen2.5-7B-Instruct");
  }
});
