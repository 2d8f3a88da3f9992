/** @module The servers that are measured: our own, and the peers in the folder of `--peers DEST`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import type { ServerCommand } from "../../process/server-process.ts";
import type { KernelFamily } from "../figures/figure.ts";
import type { BenchOptions } from "../options/bench-options.ts";

const modelName = "smol";
const loopback = "127.0.0.1";

interface PagodaOptions {
  /** Arguments that start this program's command line, e.g. [bin/pagoda.js]. */
  readonly program: readonly string[];
  readonly modelPath: string;
  readonly numThreads: number;
  readonly kernels: string;
  /** More `pagoda serve` options. */
  readonly extra: readonly string[];
}

function pagodaServer(options: PagodaOptions): ServerCommand {
  return {
    name: `pagoda (${options.kernels})`,
    command: process.execPath,
    args: (port) => [
      ...options.program,
      "serve",
      options.modelPath,
      "--served-model-name",
      modelName,
      "--host",
      loopback,
      "--port",
      String(port),
      "--threads",
      String(options.numThreads),
      "--kernels",
      options.kernels,
      // Every server is measured with the same sampling, and not with the recommendations of a model's makers.
      "--generation-config",
      "vllm",
      ...options.extra,
    ],
    model: modelName,
    readyWithinMs: 60_000,
  };
}

/**
 * Limit of the prompts that llama-server keeps besides its slots. The default is 8 GiB; two such servers and vLLM need more than
 * 24 GiB, and every round has new prompts anyway.
 */
const keptPromptsMib = 2048;

interface LlamaOptions {
  readonly modelPath: string;
  /** How the model is quantized. */
  readonly label: "Q4_1" | "Q4_0";
  readonly numThreads: number;
  /** Sequences at a time; each has its own share of `numContextTokens`. */
  readonly numSlots: number;
  readonly numContextTokens: number;
}

export function llamaServer(peers: string, options: LlamaOptions): ServerCommand {
  const { modelPath, label, numThreads, numSlots, numContextTokens } = options;
  return {
    name: `llama.cpp (${label})`,
    command: installed(join(peers, "llama.cpp/build/bin/llama-server"), "install-llama-cpp.sh"),
    args: (port) =>
      `-m ${modelPath} --host ${loopback} --port ${port} -np ${numSlots} -c ${numContextTokens} -t ${numThreads} -fa on --no-kv-unified --cache-ram ${keptPromptsMib} -a ${modelName}`.split(
        " ",
      ),
    model: modelName,
    readyWithinMs: 60_000,
  };
}

/** vLLM does not read GGUF: `folder` is the same file de-quantized to float32. */
export function vllmServer(peers: string, folder: string, numThreads: number): ServerCommand {
  return {
    name: "vLLM CPU (float32)",
    command: installed(join(peers, "vllm/bin/vllm"), "install-vllm-cpu.sh"),
    args: (port) =>
      `serve ${folder} --served-model-name ${modelName} --host ${loopback} --port ${port} --max-model-len 4096 --gpu-memory-utilization 0.4 --dtype float32 --enable-prompt-tokens-details`.split(
        " ",
      ),
    environment: {
      HF_HUB_OFFLINE: "1",
      VLLM_NO_USAGE_STATS: "1",
      DO_NOT_TRACK: "1",
      OMP_NUM_THREADS: String(numThreads),
    },
    model: modelName,
    readyWithinMs: 900_000,
  };
}

function installed(path: string, script: string): string {
  if (existsSync(path)) return path;
  throw new PagodaError("invalid_option", `There is no server to compare with at ${path}.`, {
    param: "--peers",
    hint: `Run ${script} first.`,
  });
}

export const ourName = (family: KernelFamily): string => `pagoda (${family})`;

/** Our own server as the bench's options describe it; `extra` are more `pagoda serve` options. */
export function ourServer(
  options: BenchOptions,
  family: KernelFamily,
  extra: readonly string[] = [],
): ServerCommand {
  const { program, modelPath, numThreads } = options;
  return pagodaServer({ program, modelPath, numThreads, kernels: family, extra });
}
