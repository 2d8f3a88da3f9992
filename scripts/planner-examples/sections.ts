/** @module The two sentences this product grew from, as questions to `pagoda plan`; the answers are what it prints. */

export interface Question {
  readonly says: string;
  /** Words behind `pagoda plan`. */
  readonly words: readonly string[];
  /** Lines of standard input, for `explain`. */
  readonly logFile?: string;
}

export interface Section {
  readonly title: string;
  readonly text: string;
  readonly questions: readonly Question[];
}

const card = ["--gpu", "RTX 4090"];
const small = "Qwen/Qwen2.5-14B-Instruct-AWQ";
const large = "Qwen/Qwen2.5-32B-Instruct-AWQ";
const lmdeploy = [...card, "--engine", "lmdeploy"];
const vllm = [...card, "--engine", "vllm"];

export const sections: readonly Section[] = [
  {
    title: "A 4-bit 14B fits a 24 GB card",
    text: "One card, both engines with their defaults but for a length that people use. LMDeploy takes a share of what is free after the weights; vLLM takes a share of the whole card and gives KV what is left of it.",
    questions: [
      { says: "LMDeploy:", words: [small, ...lmdeploy] },
      { says: "vLLM:", words: [small, ...vllm, "--max-model-len", "8192"] },
      {
        says: "The same KV memory in the other engine's words:",
        words: [
          "translate",
          "--from",
          `vllm serve ${small} --gpu-memory-utilization 0.9`,
          "--to",
          "lmdeploy",
          ...card,
        ],
      },
    ],
  },
  {
    title: "How many instances of it on that card",
    text: "The identical command, copied. With defaults the first instance takes the card. With a share of the total that leaves room for the second, two start; the weights are there twice, and what is left for KV is little.",
    questions: [
      { says: "Two with LMDeploy's defaults:", words: [small, ...lmdeploy, "--replicas", "2"] },
      {
        says: "Two that were made small, with LMDeploy (int8 KV packs into slabs of 32 MiB, 16-bit KV of this model into 256 MiB): a share of what is free gives the second less.",
        words: [
          small,
          ...lmdeploy,
          "--replicas",
          "2",
          "--cache-max-entry-count",
          "0.2",
          "--quant-policy",
          "int8",
          "--max-prefill-token-num",
          "512",
          "--max-batch-size",
          "4",
          "--session-len",
          "4096",
        ],
      },
      {
        says: "Two with vLLM, each capped to a share of the card: both get the same.",
        words: [
          small,
          ...vllm,
          "--replicas",
          "2",
          "--gpu-memory-utilization",
          "0.47",
          "--max-model-len",
          "4096",
          "--enforce-eager",
        ],
      },
      { says: "One large against two small:", words: [small, ...lmdeploy, "--compare", "2"] },
    ],
  },
  {
    title: "A 4-bit 32B does not fit a 24 GB card with defaults",
    text: "Its weights do, and KV does. What is missing with LMDeploy is room for the activations of the warm-up, which --max-prefill-token-num and --max-batch-size decide; with vLLM it is one request of the model's full length.",
    questions: [
      { says: "LMDeploy with defaults:", words: [large, ...lmdeploy] },
      {
        says: "What its log says when it has died, and what would have fitted:",
        words: ["explain", ...card],
        logFile: "tests/fixtures/planner/logs/lmdeploy-32b-awq-24g.txt",
      },
      {
        says: "With a smaller prefill and batch it runs on one card:",
        words: [large, ...lmdeploy, "--max-prefill-token-num", "2048", "--max-batch-size", "16"],
      },
      { says: "vLLM with defaults:", words: [large, ...vllm] },
      { says: "vLLM with the length that fits:", words: [large, ...vllm, "--max-model-len", "auto"] },
    ],
  },
  {
    title: "What two cards give it",
    text: "The weights are halved on each card, and so is the KV of a token: what was tight becomes roomy, with the defaults.",
    questions: [
      { says: "LMDeploy over two cards:", words: [large, ...lmdeploy, "--tp", "2"] },
      { says: "vLLM over two cards:", words: [large, ...vllm, "--tensor-parallel-size", "2"] },
    ],
  },
];
