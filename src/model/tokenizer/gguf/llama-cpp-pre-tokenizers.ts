/**
 * @module Pre-tokenizers by the name that llama.cpp writes into a GGUF file (`tokenizer.ggml.pre`).
 *
 * The names are llama.cpp's (`llama-vocab.cpp`); the patterns are those of the models' own tokenizer.json, which
 * llama.cpp approximates for its regular expression engine.
 */
import { PagodaError } from "../../../core/errors.ts";
import { compilePattern } from "../patterns/text-pattern.ts";
import { gpt2Pattern, inSequence, type PreTokenizer, splitBy } from "../pre-tokenizer.ts";

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
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const before = "[^\\r\\n\\p{L}\\p{N}]?";

/** Chinese and Japanese characters and Hangul, with all that lies between them. */
const eastAsian = "一-龥ࠀ-一가-퟿";

/** Letters with upper and lower case, as DeepSeek LLM lists them. */
const casedLetters =
  "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ" +
  "Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ" +
  "-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";

/** GPT-4's cut with numbers of at most `digits` digits; what is in a word or a number is not a mark. */
function cl100k(digits: string, word = "\\p{L}+", notMarks = "\\p{L}\\p{N}"): string {
  return `${contractions}|${before}${word}|\\p{N}${digits}| ?[^\\s${notMarks}]+[\\r\\n]*|${spaces}`;
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
  {
    names: ["qwen35"],
    patterns: [cl100k("", "[\\p{L}\\p{M}]+", "\\p{L}\\p{M}\\p{N}")],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ["deepseek-llm"],
    patterns: [
      "[\\r\\n]",
      `\\s?[${casedLetters}]+`,
      "\\s?[!-/:-~！-／：-～‘-‟\\u3000-。]+",
      "\\s+$",
      `[${eastAsian}]+`,
      "\\p{N}",
    ],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ["deepseek-coder"],
    patterns: ["[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", `[${eastAsian}]+`, "\\p{N}"],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ["deepseek-v3"],
    patterns: [
      "\\p{N}{1,3}",
      "[一-龥぀-ゟ゠-ヿ]+",
      `[!-/:-@\\[-\`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${spaces}`,
    ],
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

/** Throws PagodaError `model_unsupported` naming the file at `path`, the unknown name and the known ones. */
export function preTokenizerNamed(name: string, path: string): NamedPreTokenizer {
  const recipe = recipes.find(({ names }) => names.includes(name));
  if (recipe === undefined)
    throw new PagodaError("model_unsupported", `${path}: the pre-tokenizer "${name}" is not implemented.`, {
      hint: `Use the model's Hugging Face folder, or a file with one of: ${recipes.flatMap(({ names }) => names).join(", ")}.`,
    });
  const steps = recipe.patterns.map((pattern) => splitBy(compilePattern(pattern, path), "Isolated", false));
  return {
    preTokenizer: inSequence(steps),
    ignoresMerges: recipe.ignoresMerges,
    addsBos: recipe.addsBos,
  };
}
