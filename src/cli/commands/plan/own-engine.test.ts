/** `pagoda plan` of our own engine through its door: every question of the planner, and what it refuses. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { Plan } from "../../../planner/index.ts";

const root = join(import.meta.dirname, "../../../..");
const model = "Qwen/Qwen2.5-0.5B-Instruct";

function run(...words: string[]): {
  readonly out: string;
  readonly error: string;
  readonly status: number | null;
} {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["bin/pagoda.js", "plan", ...words], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, HF_HUB_OFFLINE: "1", PAGODA_MEMORY: "" },
  });
  return { out: stdout.trim(), error: stderr.trim(), status };
}

const ownPlan = (...words: string[]) => run(model, "--engine", "pagoda", ...words);

test("a plan has the origin of each setting, and stays under its cap", () => {
  const { out, status } = ownPlan("--json", "--memory", "2GiB", "--max-num-seqs", "4");
  const plan: Plan = JSON.parse(out);
  assert.equal(status, 0);
  assert.deepEqual(
    [plan.budgetBytes, plan.settings.memory?.from, plan.settings["max-num-seqs"]?.from],
    [2 ** 31, "flag", "flag"],
  );
  assert.equal(plan.settings["block-size"]?.from, "default");
  const bytes = plan.components.reduce((sum, { quantity }) => sum + quantity.highBytes, 0);
  assert.ok(bytes <= 2 ** 31 && bytes > 2 ** 30, `${bytes}`);
});

test("what the engine cannot do is refused by name, and nothing is ignored", () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--gpu", "RTX 4090"], /runs on processors, and NVIDIA GeForce RTX 4090 is a GPU/],
    [["--devices", "2"], /A plan for 2 ranks needs the headers of the weights/],
    [["--memori", "1GiB"], /no flag --memori\. The nearest is --memory/],
    [["--frobnicate", "1"], /no flag --frobnicate/],
    [["--memory", "1GiB", "--gpu-memory-utilization", "0.5"], /each state a cap/],
    [["--max-model-len", "99999999"], /the model was made for 32768/],
  ];
  for (const [words, message] of cases) {
    const { error, status } = ownPlan(...words);
    assert.match(error, message);
    assert.equal(status, 1, words.join(" "));
  }
  assert.match(run("Qwen/Qwen2.5-7B-Instruct-AWQ", "--engine", "pagoda").error, /stored as awq/);
});

test("a machine of a stated size: what does not fit is refused with a change that does", () => {
  const { out, status } = ownPlan("--gpu-memory", "900MiB", "--json");
  const { verdict }: Plan = JSON.parse(out);
  assert.deepEqual([verdict.kind, status], ["refused", 3]);
  assert.doesNotMatch(ownPlan("--gpu-memory", "900MiB").out, /own lines, to compare/, "a refusal logs none");
  const words = verdict.suggestions[0]?.flags.flatMap((flag) => flag.split(" ")) ?? [];
  assert.ok(words.length > 0);
  assert.equal(ownPlan("--gpu-memory", "900MiB", ...words).status, 0, words.join(" "));
});

test("--used is taken off, and copies get a command that starts as often as was asked", () => {
  const size = ["--gpu-memory", "8GiB", "--used", "2GiB"];
  const { out } = ownPlan(...size, "--replicas", "4", "--json");
  const { ways } = JSON.parse(out) as {
    readonly ways: readonly { readonly commands: readonly string[][] }[];
  };
  const command = ways[0]?.commands[0] ?? [];
  assert.deepEqual(command.slice(-2), ["--memory", "1536MiB"]);
  assert.match(
    ownPlan(...size, ...command.slice(3), "--replicas", "4").out,
    /^4 of 4 identical commands start/,
  );
});

test("users of a length are served by flags that the search names", () => {
  const { out } = ownPlan("--gpu-memory", "12GiB", "--users", "16", "--context", "8192", "--json");
  const { best } = JSON.parse(out) as { readonly best: { readonly plan: Plan } };
  assert.ok((best.plan.kv?.numTokens.expected ?? 0) >= 16 * 8192);
  assert.equal(best.plan.settings["kv-cache-dtype"]?.value, "f16", "precision is not the first to go");
});

test("one instance against several", () => {
  const { out } = ownPlan("--gpu-memory", "16GiB", "--compare", "2");
  assert.match(out, /1 × 16 +starts/);
  assert.match(out, /2 × 8 +starts/);
});

const starts = [
  ["vllm", `vllm serve ${model} --gpu-memory-utilization 0.3 --max-model-len 4096 --kv-cache-dtype fp8`],
  ["lmdeploy", `lmdeploy serve api_server ${model} --cache-max-entry-count 0.1 --session-len 4096`],
  ["pagoda", `pagoda serve ${model} --max-kv-tokens 100000 --max-model-len 4096`],
] as const;

for (const [from, command] of starts)
  for (const [to] of starts)
    if (from !== to && (from === "pagoda" || to === "pagoda"))
      test(`${from} is translated into ${to}, with the same KV memory`, () => {
        const words = ["translate", "--from", command, "--to", to, "--gpu", "L4", "--json"];
        const answer = JSON.parse(run(...words).out) as { readonly from: Plan; readonly to: Plan };
        assert.deepEqual([answer.from.engine, answer.to.engine], [from, to]);
        assert.equal(answer.to.verdict.kind, "fits");
        assert.equal(answer.to.kv?.maxModelLen, 4096);
        const [here = 0, there = 0] = [answer.from, answer.to].map(
          ({ kv }) => kv?.available.expectedBytes ?? 0,
        );
        assert.ok(Math.abs(here - there) < 0.01 * here, `${here} and ${there} bytes`);
      });

test("starts on cards and on a machine stand side by side, and not on one device", () => {
  const commands = [`pagoda serve ${model} --memory 3GiB`, `vllm serve ${model}`];
  assert.match(
    run("compare", ...commands, "--gpu", "L4").out,
    /1\. pagoda.*\n +fits[\s\S]*2\. vllm.*\n +fits/,
  );
  assert.match(run("compare", "--together", ...commands, "--gpu", "L4").error, /on one device/);
});

test("a translation onto another device names both, and says why Pagoda drops a flag", () => {
  const command = `vllm serve ${model} --quantization awq --api-key x --no-enable-prefix-caching`;
  const { out } = run("translate", "--from", command, "--to", "pagoda", "--gpu", "L4");
  assert.match(out, /on NVIDIA L4: vLLM .* to Pagoda's own footprint on this machine$/m);
  assert.match(out, /^ {2}CUDA context \/ runtime \(Node\) /m);
  assert.match(out, /^dropped {2}--quantization awq {2}\(Pagoda reads the format in the checkpoint/m);
  assert.match(out, /^dropped {2}--api-key x {2}\(Pagoda has no authentication/m);
});

test("a length of 8k is written in digits, which Pagoda reads", () => {
  const command = `vllm serve ${model} --max-model-len 8k`;
  const { out } = run("translate", "--from", command, "--to", "pagoda", "--gpu", "L4", "--flags");
  assert.match(out, / --max-model-len 8000$/);
});

test("prefixes are shared by default in vLLM and in Pagoda, and no note says otherwise", () => {
  const translated = (from: string, to: string): string =>
    run("translate", "--from", from, "--to", to, "--gpu", "L4").out;
  assert.doesNotMatch(translated(`vllm serve ${model}`, "pagoda"), /prefix/);
  assert.doesNotMatch(translated(`pagoda serve ${model}`, "vllm"), /prefix/);
  const off = translated(`vllm serve ${model} --no-enable-prefix-caching`, "pagoda");
  assert.match(off, /Pagoda by default does: --no-enable-prefix-caching keeps it off/);
});
