import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { PagodaError } from "../../core/errors.ts";
import { type Environment, readOptions } from "../../core/options/read-options.ts";
import { engineOptions, resolveSettings } from "../../instance/index.ts";
import { refuseUnknownVariables, registerOptions } from "./register-options.ts";

function parse(args: string, environment: Environment = {}) {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  registerOptions(command, engineOptions);
  command.parse(args === "" ? [] : args.split(" "), { from: "user" });
  return readOptions(engineOptions, command.opts(), environment);
}

const refusal = (pattern: RegExp) => (error: unknown) =>
  error instanceof PagodaError &&
  error.code === "invalid_option" &&
  pattern.test(`${error.message} ${error.hint}`);

test("both engines' spellings are the same option", () => {
  const pairs: [keyof typeof engineOptions, string, string, unknown][] = [
    ["blockSize", "--block-size 64", "--cache-block-seq-len 64", 64],
    ["maxModelLen", "--max-model-len 100", "--session-len 100", 100],
    ["maxNumSeqs", "--max-num-seqs 8", "--max-batch-size 8", 8],
    ["maxNumBatchedTokens", "--max-num-batched-tokens 99", "--max-prefill-token-num 99", 99],
    ["tensorParallelSize", "--tensor-parallel-size 1", "--tp 1", 1],
    ["kvDtype", "--kv-cache-dtype int8", "--quant-policy 8", "int8"],
    ["kvDtype", "--kv-cache-dtype int4", "--quant-policy 4", "int4"],
    ["numBlocks", "--num-gpu-blocks-override 7", "--num-gpu-blocks 7", { kind: "blocks", numBlocks: 7 }],
  ];
  for (const [key, first, second, value] of pairs) {
    assert.deepEqual(parse(first)[key], { value, from: "flag", why: first });
    assert.deepEqual(parse(second)[key], { value, from: "flag", why: second });
    assert.throws(() => parse(`${first} ${second}`), refusal(/are the same option/));
  }
});

test("a flag wins over its variable, and each remembers where it came from", () => {
  const environment = { PAGODA_BLOCK_SIZE: "32", PAGODA_MEMORY: "2g", PAGODA_ENABLE_PREFIX_CACHING: "off" };
  const values = parse("--block-size 64", environment);
  assert.deepEqual(values.blockSize, { value: 64, from: "flag", why: "--block-size 64" });
  assert.deepEqual(values.memory, {
    value: { kind: "instanceBytes", bytes: 2e9 },
    from: "environment",
    why: "PAGODA_MEMORY=2g",
  });
  assert.equal(values.prefixCaching?.value, false);
  assert.equal(parse("--enable-prefix-caching", environment).prefixCaching?.value, true);
  assert.deepEqual(parse("--no-enable-prefix-caching").prefixCaching, {
    value: false,
    from: "flag",
    why: "--no-enable-prefix-caching",
  });
  assert.equal(parse("").blockSize, null);
});

test("what does not parse is refused with the option's name", () => {
  const cases: [string, RegExp][] = [
    ["--block-size 20", /--block-size: 20 is not a multiple of 16\. Use 32\./],
    ["--block-size x", /--block-size: 'x' is not a whole number/],
    ["--memory lots", /--memory: 'lots' is not a size/],
    [
      "--gpu-memory-utilization 1.5",
      /--gpu-memory-utilization: '1.5' is not a fraction above 0 and at most 1/,
    ],
    ["--cache-max-entry-count 100", /number of blocks.*--num-gpu-blocks-override 100/],
    ["--cache-max-entry-count 0", /fraction above 0 and below 1/],
    ["--quant-policy 16", /--quant-policy: '16' is not one of 0, 4, 8/],
    ["--kv-cache-dtype fp8", /--kv-cache-dtype: 'fp8' is not one of auto, f16/],
    ["--kernels avx", /--kernels: 'avx' is not one of auto, wasm, machine-code/],
    ["--max-logprobs 65", /--max-logprobs: '65' is not a whole number between 0 and 64/],
    ["--tp 0", /--tp: /],
  ];
  for (const [args, pattern] of cases) assert.throws(() => parse(args), refusal(pattern), args);
  assert.throws(() => parse("", { PAGODA_THREADS: "many" }), refusal(/PAGODA_THREADS: 'many'/));
  assert.throws(() => refuseUnknownVariables({ PAGODA_THREDS: "2" }), refusal(/PAGODA_THREDS is set/));
  assert.doesNotThrow(() => refuseUnknownVariables({ PAGODA_OFFLINE: "1", PAGODA_THREADS: "2", HOME: "/" }));
  // Not an option, but documented: it is read where the kernels are made.
  assert.doesNotThrow(() => refuseUnknownVariables({ PAGODA_KERNEL_GUARDS: "1" }));
});

test("settings: the defaults of the CPU, and what excludes each other", () => {
  const settings = resolveSettings(parse(""), 3);
  assert.deepEqual(
    [
      settings.blockSize.value,
      settings.maxNumSeqs.value,
      settings.maxNumBatchedTokens.value,
      settings.kvDtype.value,
      settings.maxStepMs.value,
      settings.prefixCaching.value,
      settings.numThreads.value,
      settings.cap,
      settings.pool,
      settings.maxModelLen,
    ],
    [16, 32, 512, "f16", 300, true, 3, null, null, null],
  );
  const resolve = (args: string) => () => resolveSettings(parse(args), 1);
  assert.throws(
    resolve("--memory 1GiB --gpu-memory-utilization 0.9"),
    refusal(/--gpu-memory-utilization 0\.9 and --memory 1GiB/),
  );
  assert.throws(
    resolve("--cache-max-entry-count 0.5 --max-kv-tokens 9"),
    refusal(/--cache-max-entry-count 0\.5 and --max-kv-tokens 9/),
  );
  assert.throws(
    resolve("--max-num-batched-tokens 8"),
    refusal(/Use --max-num-batched-tokens 32, or --max-num-seqs 8\./),
  );
  assert.throws(resolve("--no-enable-chunked-prefill"), refusal(/always chunked/));
  assert.equal(resolve("--max-num-seqs 600")().maxNumBatchedTokens.value, 600);
});
