/** @module What exports have to know of each engine beside its command. */

interface EngineFacts {
  /** The image that the engine's project publishes, without a tag; null: it has to be stated. */
  readonly image: string | null;
  /** The variable that the engine reads its key from; null: the key is given by `--api-keys`. */
  readonly keyVariable: string | null;
  /** By which inference gateways read its metrics. */
  readonly gatewayType: string;
  readonly gauges: Gauges;
  /** Whether gateways know the gauges of this type by themselves. */
  readonly hasKnownGauges: boolean;
  /** Flags of a start over several nodes, with the variables of a LeaderWorkerSet; null: none is known. */
  readonly nodes: { readonly all: readonly string[]; readonly workers: readonly string[] } | null;
}

interface Gauges {
  readonly waiting: string;
  readonly running: string;
  /** The share of the KV pool that is in use. */
  readonly kvUse: string | null;
}

const vllmGauges: Gauges = {
  waiting: "vllm:num_requests_waiting",
  running: "vllm:num_requests_running",
  kvUse: "vllm:kv_cache_usage_perc",
};

/** Ours has vLLM's names, so that what reads those reads ours. */
const facts: Readonly<Record<string, EngineFacts>> = {
  pagoda: {
    image: "pagoda",
    keyVariable: "PAGODA_API_KEY",
    gatewayType: "vllm",
    gauges: vllmGauges,
    hasKnownGauges: true,
    nodes: null,
  },
  vllm: {
    image: "vllm/vllm-openai",
    keyVariable: "VLLM_API_KEY",
    gatewayType: "vllm",
    gauges: vllmGauges,
    hasKnownGauges: true,
    nodes: {
      all: [
        ...["--nnodes", "$(LWS_GROUP_SIZE)", "--node-rank", "$(LWS_WORKER_INDEX)"],
        ...["--master-addr", "$(LWS_LEADER_ADDRESS)"],
      ],
      workers: ["--headless"],
    },
  },
  lmdeploy: {
    image: "openmmlab/lmdeploy",
    keyVariable: null,
    gatewayType: "lmdeploy",
    gauges: {
      waiting: "lmdeploy:num_requests_waiting",
      running: "lmdeploy:num_requests_running",
      kvUse: "lmdeploy:gpu_cache_usage_perc",
    },
    hasKnownGauges: false,
    nodes: null,
  },
  "llama-server": {
    image: null,
    keyVariable: "LLAMA_API_KEY",
    gatewayType: "llama-server",
    gauges: {
      waiting: "llamacpp:requests_deferred",
      running: "llamacpp:requests_processing",
      kvUse: null,
    },
    hasKnownGauges: false,
    nodes: null,
  },
};

/** null: an engine that exports do not know. */
export function engineFacts(engine: string): EngineFacts | null {
  return facts[engine] ?? null;
}

export const isOwnEngine = (engine: string): boolean => engine === "pagoda";
