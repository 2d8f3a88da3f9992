/**
 * @module Pre-tokenizers by the name that llama.cpp writes into a GGUF file (`tokenizer.ggml.pre`).
 *
 * The names are llama.cpp's (`llama-vocab.cpp`); the patterns are those of the models' own tokenizer.json, which
 * llama.cpp approximates for its regular expression engine.
 */
import { PagodaError } from "../../core/errors.ts";
import { gpt2Pattern, inSequence, type PreTokenizer, splitBy } from "./pre-tokenizer.ts";
import { compilePattern } from "./text-pattern.ts";

interface Recipe {
  readonly names: readonly string[];
  /** Applied one after another to what the one before left. */
  readonly patterns: readonly string[];
  /** A word that is itself a token is that token, whatever the merges say. */
  readonly ignoresMerges: boolean;
  /** Where the file does not say. */
  readonly addsBos: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const spaces = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const marks = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const before = "[^\\r\\n\\p{L}\\p{N}]?";

/** GPT-4's cut with numbers of at most `digits` digits. */
function cl100k(digits: string): string {
  return `${contractions}|${before}\\p{L}+|\\p{N}${digits}|${marks}|${spaces}`;
}

/** Words change where lower case is followed by upper case; `tail` may follow a word. */
function caseAware(tail: string, digits: string): string {
  const marksAndSlash = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";
  return `${before}${upper}*${lower}+${tail}|${before}${upper}+${lower}*${tail}|\\p{N}${digits}|${marksAndSlash}|${spaces}`;
}

const recipes: readonly Recipe[] = [
  {
    names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
    patterns: ["\\p{N}", gpt2Pattern.source],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ["gpt-2", "phi-2", "olmo", "mpt", "exaone4", "jais", "trillion", "mellum", "modern-bert"],
    patterns: [gpt2Pattern.source],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "lfm2"],
    patterns: [cl100k("{1,3}")],
    ignoresMerges: true,
    addsBos: true,
  },
  { names: ["dbrx", "smaug-bpe"], patterns: [cl100k("{1,3}")], ignoresMerges: false, addsBos: false },
  {
    names: ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan"],
    patterns: [cl100k("")],
    ignoresMerges: false,
    addsBos: false,
  },
  { names: ["tekken"], patterns: [caseAware("", "")], ignoresMerges: true, addsBos: true },
  {
    names: ["gpt-4o", "llama4"],
    patterns: [caseAware(`${contractions}?`, "{1,3}")],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ["default", "falcon"],
    patterns: ["[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2Pattern.source, "[0-9][0-9][0-9]"],
    ignoresMerges: false,
    addsBos: false,
  },
];

export interface NamedPreTokenizer {
  readonly preTokenizer: PreTokenizer;
  readonly ignoresMerges: boolean;
  readonly addsBos: boolean;
}

/** Throws PagodaError `model_unsupported` naming the unknown name and the known ones. */
export function preTokenizerNamed(name: string): NamedPreTokenizer {
  const recipe = recipes.find(({ names }) => names.includes(name));
  if (recipe === undefined)
    throw new PagodaError("model_unsupported", `the pre-tokenizer "${name}" is not implemented`, {
      hint: `Use the model's Hugging Face folder, or a file with one of: ${recipes.flatMap(({ names }) => names).join(", ")}.`,
    });
  const steps = recipe.patterns.map((pattern) => splitBy(compilePattern(pattern, name), "Isolated", false));
  return {
    preTokenizer: inSequence(steps),
    ignoresMerges: recipe.ignoresMerges,
    addsBos: recipe.addsBos,
  };
}
