/** @module Files of models, each with a way to damage it by a seed and to use what is left. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildProgram } from "../architectures/build-program.ts";
import { ChatTemplate } from "../chat-template/chat-template.ts";
import { parseGgufConfig } from "../config/gguf-config.ts";
import { parseHuggingFaceConfig } from "../config/huggingface-config.ts";
import { loadModelFiles, type ModelFiles } from "../model-files.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { tokenizerFromJson } from "../tokenizer/tokenizer-json/tokenizer-json.ts";
import { tinyFolder } from "./fixtures.ts";
import { mutated, mutatedJson, rearrangedJson } from "./mutations.ts";
import { tinyByteLevelGguf, tinySentencePieceGguf } from "./tiny-gguf.ts";

export interface DamageTarget {
  readonly name: string;
  /** Damages a file and does with it all that is done before weights are read. Throws PagodaError and nothing else. */
  use(seed: number): void;
}

const fixtures = resolve(import.meta.dirname, "../../../tests/fixtures");
const headerFocusBytes = 4096;
const message = { role: "user", content: "hello world \u00e9" };
const prompt = {
  messages: [message, { role: "assistant", content: "" }, message],
  addGenerationPrompt: true,
  continueFinalMessage: false,
  tools: null,
  templateVariables: {},
};
/** Runs of one letter, spaces and characters beyond the basic plane: what patterns and merges may stumble over. */
const texts = [
  message.content,
  "a".repeat(60),
  `${" ".repeat(40)}\n\n x`,
  "\u{1f600}\u0301\ufdfa\u0000\u2581",
];

/** Files are written below `folder`, which should be in memory. */
export function damageTargets(folder: string): readonly DamageTarget[] {
  return [
    gguf(folder, "byte-level", tinyByteLevelGguf()),
    gguf(folder, "sentence-piece", tinySentencePieceGguf()),
    ...folderFiles(folder, "gemma3"),
    ...folderFiles(folder, "llama-gqa-rope-scaled"),
    ...["gemma", "gpt2", "llama2", "llama3", "qwen2", "tekken"].map(tokenizerFixture),
    templateFixtures(),
  ];
}

function gguf(folder: string, name: string, original: Buffer): DamageTarget {
  const path = join(folder, `${name}.gguf`);
  return {
    name: `${name} GGUF`,
    use: (seed) => {
      writeFileSync(path, mutated(original, seed, 3 * headerFocusBytes));
      useFiles(loadModelFiles({ kind: "gguf", path }));
    },
  };
}

/** Of a folder in Hugging Face layout; `focusBytes` is where most bytes are damaged. */
const filesOfFolder = {
  "model.safetensors": headerFocusBytes,
  "config.json": 800,
  "tokenizer.json": 9000,
  "tokenizer_config.json": 200,
  "generation_config.json": 220,
} as const;

function folderFiles(folder: string, architecture: string): DamageTarget[] {
  const copy = join(folder, architecture);
  mkdirSync(copy, { recursive: true });
  cpSync(tinyFolder(architecture), copy, { recursive: true });
  return Object.entries(filesOfFolder).map(([fileName, focusBytes]) => {
    const path = join(copy, fileName);
    const original = readFileSync(path);
    return {
      name: `${fileName} of ${architecture}`,
      use: (seed) => {
        writeFileSync(path, damagedJson(original, seed, focusBytes, fileName.endsWith(".json")));
        try {
          useFiles(loadModelFiles({ kind: "hf", path: copy }));
        } finally {
          writeFileSync(path, original);
        }
      },
    };
  });
}

/** Noise mostly breaks JSON as such; two of three mutations keep it whole. */
function damagedJson(original: Buffer, seed: number, focusBytes: number, isJson: boolean): Buffer | string {
  if (!isJson || seed % 3 === 2) return mutated(original, seed, focusBytes);
  const text = original.toString("utf8");
  return seed % 3 === 0 ? mutatedJson(text, seed) : rearrangedJson(text, seed);
}

/** Vocabularies of well-known families, with their patterns and steps. */
function tokenizerFixture(family: string): DamageTarget {
  const file = readFileSync(join(fixtures, "tokenizers", `${family}.json`), "utf8");
  const { tokenizer } = JSON.parse(file) as { tokenizer: unknown };
  const original = JSON.stringify(tokenizer);
  return {
    name: `tokenizer of ${family}`,
    use: (seed) => {
      useTokenizer(tokenizerFromJson(JSON.parse(rearrangedJson(original, seed)), {}, "tokenizer.json"));
    },
  };
}

function templateFixtures(): DamageTarget {
  const lines = readFileSync(join(fixtures, "chat-templates/templates.jsonl"), "utf8").trim().split("\n");
  const templates = lines.map((line) => Buffer.from((JSON.parse(line) as { template: string }).template));
  return {
    name: "chat templates",
    use: (seed) => {
      const template = templates[seed % templates.length] ?? Buffer.alloc(0);
      const damaged = mutated(template, seed, template.length).toString("utf8");
      new ChatTemplate({ text: damaged, tools: null }, { bos_token: "<s>" }, "t").render(prompt);
    },
  };
}

function useFiles(files: ModelFiles): void {
  const { config, tensors, tokenizer, chatTemplate } = files;
  useTokenizer(tokenizer);
  chatTemplate?.render(prompt);
  const parsed =
    config.kind === "hf" ? parseHuggingFaceConfig(config.json) : parseGgufConfig(config.metadata, tensors);
  buildProgram(parsed, tensors, { quantization: null, maxModelLen: 64 });
}

function useTokenizer(tokenizer: Tokenizer): void {
  for (const text of texts) {
    const ids = tokenizer.encode(text, { addSpecialTokens: true });
    tokenizer.decode(ids.slice(0, 1000), { skipSpecialTokens: true });
  }
}
