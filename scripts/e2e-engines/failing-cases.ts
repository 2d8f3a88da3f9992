/** @module Starts that must fail, by engine: the flags behind the model, and the component that lacks. */

export interface FailingCase {
  readonly name: string;
  readonly flags: readonly string[];
  readonly missing: string;
  /** Another model than the small one, made of the words of the ordinary start. */
  model?(words: readonly string[]): string;
}

const misspelt = (words: readonly string[]): string =>
  (words.find((word) => word.startsWith("/")) ?? "").replace(/smol/, "smoll");
const failing = (
  name: string,
  missing: string,
  flags: string,
  changes: Partial<FailingCase> = {},
): FailingCase => ({
  name,
  missing,
  flags: flags.split(" "),
  ...changes,
});

const quick = "--enforce-eager --max-num-seqs 8";
const pool = "--kv-cache-memory-bytes 268435456";

export const failingCases: Readonly<Record<string, readonly FailingCase[]>> = {
  vllm: [
    failing(
      "a request longer than the pool",
      "kv",
      `${quick} --max-model-len 8192 --kv-cache-memory-bytes 67108864`,
    ),
    failing("too small a share", "kv", `${quick} --max-model-len 2048 --gpu-memory-utilization 0.02`),
    failing("a length past the model's", "setting", `${quick} ${pool} --max-model-len 100000`),
    failing("an unknown flag", "setting", `${quick} ${pool} --max-modle-len 2048`),
    failing("an unknown dtype", "setting", `${quick} ${pool} --max-model-len 2048 --dtype bfloat61`),
    failing("a size in words", "setting", `${quick} --max-model-len 2048 --kv-cache-memory-bytes 256MiB`),
    failing("a length that is not a number", "setting", `${quick} ${pool} --max-model-len ten`),
    failing(
      "fewer tokens than sequences",
      "setting",
      `${quick} ${pool} --max-model-len 2048 --max-num-batched-tokens 4`,
    ),
    failing(
      "ranks that do not divide the heads",
      "setting",
      `${quick} ${pool} --max-model-len 2048 --tensor-parallel-size 2`,
    ),
    failing(
      "a quantization the model does not have",
      "setting",
      `${quick} ${pool} --max-model-len 2048 --quantization awq`,
    ),
    failing(
      "an unknown tool parser",
      "setting",
      `${quick} ${pool} --max-model-len 2048 --enable-auto-tool-choice --tool-call-parser hermez`,
    ),
    failing(
      "a missing chat template",
      "setting",
      `${quick} ${pool} --max-model-len 2048 --chat-template /no/such.jinja`,
    ),
    failing("sleep on processors", "setting", `${quick} ${pool} --max-model-len 2048 --enable-sleep-mode`),
    failing("a missing model", "model", `${quick} ${pool} --max-model-len 2048`, { model: misspelt }),
    failing("too large a pool", "kv", `${quick} --max-model-len 2048 --kv-cache-memory-bytes 107374182400`),
  ],
  pagoda: [
    failing("too small a cap", "kv", "--memory 100MiB --max-model-len 2048"),
    failing("a request longer than the cap", "kv", "--memory 420MiB --max-model-len 8192"),
    failing("a request longer than the pool", "kv", "--num-gpu-blocks-override 3 --max-model-len 2048"),
    failing("a length past the model's", "setting", "--memory 700MiB --max-model-len 100000"),
    failing("an unknown flag", "setting", "--memory 700MiB --max-modle-len 2048"),
    failing("an unknown KV format", "setting", "--memory 700MiB --max-model-len 2048 --kv-cache-dtype int9"),
    failing("a block of no size", "setting", "--memory 700MiB --max-model-len 2048 --block-size 7"),
    failing("no sequences", "setting", "--memory 700MiB --max-model-len 2048 --max-num-seqs 0"),
    failing("too many threads", "setting", "--memory 700MiB --max-model-len 2048 --threads 999"),
    failing(
      "a missing template",
      "setting",
      "--memory 700MiB --max-model-len 2048 --chat-template /no/such.jinja",
    ),
    failing("a missing model", "model", "--memory 700MiB --max-model-len 2048", { model: misspelt }),
  ],
  "llama-server": [
    failing("an unknown flag", "setting", "-np 4 -c 8192 --no-such-flag"),
    failing("a missing model", "model", "-np 4 -c 8192", { model: misspelt }),
    failing("a cache format it does not know", "setting", "-np 4 -c 8192 --cache-type-k q9_0"),
  ],
  lmdeploy: [
    failing("an unknown flag", "setting", "--backend pytorch --max-batch-size 8 --session-length 2048"),
    failing("an unknown backend", "setting", "--backend torch --max-batch-size 8 --session-len 2048"),
    failing("a missing model", "model", "--backend pytorch --max-batch-size 8 --session-len 2048", {
      model: misspelt,
    }),
  ],
};
