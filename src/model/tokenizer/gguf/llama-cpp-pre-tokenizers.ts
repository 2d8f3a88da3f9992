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
  /** A word that is itself a token becomes that token, without merges. */
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

/** Numbers in groups of three from their end. */
const groupsOfThree = "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))";
/** Whatever is between spaces and marks, as BLOOM has them. */
const bloomWords = " ?[^(\\s|.,!?…。，、।۔،)]+";
const eastAsianWords = "[一-龥぀-ゟ゠-ヿ]+";
const deepSeekWords =
  "[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+";
const deepSeek3 = `${deepSeekWords}[\\r\\n]*|${spaces}`;
const gpt4o = caseAware(`${contractions}?`, "{1,3}");
/** White space in pieces whose lengths are powers of two. */
const spacesInPowers = `${[512, 256, 128, 64, 32, 16, 8, 4].map((width) => `\\s{${width}}(?!\\S)`).join("|")}|\\s{1,2}(?!\\S)|\\s`;

/** Fields that are left out: merges hold for whole tokens too, and nothing is put in front. */
type Entry = Pick<Recipe, "names" | "patterns"> & Partial<Recipe>;

const entries: readonly Entry[] = [
  {
    names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
    patterns: ["\\p{N}", gpt2Pattern.source],
  },
  {
    names: [
      ...[
        "gpt-2",
        "phi-2",
        "olmo",
        "mpt",
        "exaone4",
        "jais",
        "trillion",
        "mellum",
        "modern-bert",
        "gigachat",
      ],
      ...["a.x-4.0", "granite-docling", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de"],
    ],
    patterns: [gpt2Pattern.source],
  },
  {
    names: [
      ...["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
      "jina-v5-nano",
    ],
    patterns: [cl100k("{1,3}")],
    ignoresMerges: true,
    addsBos: true,
  },
  { names: ["dbrx", "smaug-bpe", "chatglm-bpe"], patterns: [cl100k("{1,3}")] },
  { names: ["glm4", "glm5"], patterns: [cl100k("{1,3}")], ignoresMerges: true },
  { names: ["minicpm5"], patterns: ["\\p{N}{1,3}", cl100k("+")], ignoresMerges: true },
  {
    names: [
      ...["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "kormo", "f2llmv2", "solar-open"],
      "grok-2",
    ],
    patterns: [cl100k("")],
  },
  { names: ["laguna"], patterns: ["[^\\n]+|\\n+", cl100k("")] },
  { names: ["qwen35"], patterns: [cl100k("", "[\\p{L}\\p{M}]+", "\\p{L}\\p{M}\\p{N}")] },
  {
    names: ["ufakzeka"],
    patterns: [`${before}\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`],
  },
  {
    names: ["seed-coder"],
    patterns: [`${contractions}|${before}\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${spaces}`],
  },
  {
    names: ["bailingmoe", "bailingmoe2", "llada-moe"],
    patterns: [
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
    ],
  },
  {
    names: ["exaone-moe"],
    patterns: [
      `${contractions}|${before}(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`,
    ],
  },
  {
    names: ["jais-2"],
    patterns: [
      `${contractions}|${before}\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|${spacesInPowers}`,
    ],
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
  },
  {
    names: ["deepseek-coder"],
    patterns: ["[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", `[${eastAsian}]+`, "\\p{N}"],
  },
  {
    names: ["deepseek-v3", "hunyuan-dense", "hy_v4", "joyai-llm"],
    patterns: ["\\p{N}{1,3}", eastAsianWords, deepSeek3],
  },
  {
    names: ["spark2_5"],
    patterns: ["\\p{N}{1,3}", eastAsianWords, `${deepSeekWords}|[\\r\\n]|\\s+(?!\\S)|\\s+`, "\\p{N}"],
  },
  {
    names: ["afmoe"],
    patterns: [
      groupsOfThree,
      "[一-鿿㐀-䶿豈-\ufaff぀-ゟ゠-ヿ･-ﾟ⼀-\u2fdfเ-\u0e7f\u0e80-\u0effក-\u17ffက-႟ꩠ-ꩿꧠ-\ua9ff가-\ud7afᄀ-ᇿ]+",
      deepSeek3,
    ],
  },
  {
    names: ["youtu"],
    patterns: [
      "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+",
      caseAware(`${contractions}?`, ""),
    ],
    ignoresMerges: true,
  },
  { names: ["tekken"], patterns: [caseAware("", "")], ignoresMerges: true, addsBos: true },
  { names: ["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], patterns: [gpt4o] },
  { names: ["granite-embed-multi-97m"], patterns: [gpt4o], ignoresMerges: true },
  { names: ["tiny_aya", "cohere2moe"], patterns: ["\\d{1,3}(?=(?:\\d{3})*\\b)", gpt4o] },
  { names: ["superbpe"], patterns: ["\\p{N}+", "(?=(\\d{3})+(?!\\d))"] },
  { names: ["bloom", "poro-chat", "gpt3-finnish"], patterns: [bloomWords] },
  { names: ["viking"], patterns: [bloomWords, "\\p{N}"] },
  {
    names: ["chameleon"],
    patterns: [
      "<sentinel:[0-9]+>",
      "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
      "([\\t\\n]|    |  )",
      "\\p{N}",
      "[\\p{P}!-/:-@\\[-`{-~]",
      gpt2Pattern.source,
    ],
    addsBos: true,
  },
  { names: ["falcon"], patterns: ["[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2Pattern.source, "[0-9][0-9][0-9]"] },
  {
    names: ["default"],
    patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", gpt2Pattern.source, "\\p{N}+", "[0-9][0-9][0-9]"],
  },
];

const recipes: readonly Recipe[] = entries.map((entry) => ({
  ignoresMerges: false,
  addsBos: false,
  ...entry,
}));

const embedsOnly = "it belongs to models that embed texts and generate none";
const joinsCharacters = "its tokens are joined from characters and not from bytes";

/** Patterns of well-known models, which need no bounds: their time grows with the text alone. */
export const publishedPatterns: ReadonlySet<string> = new Set(recipes.flatMap(({ patterns }) => patterns));

/** Names of llama.cpp's that are refused, each with what of the model is the reason. */
const refusedNames: Readonly<Record<string, string>> = {
  "jina-v1-en": embedsOnly,
  "jina-v2-code": embedsOnly,
  "roberta-bpe": embedsOnly,
  whitespace: embedsOnly,
  gemma4: joinsCharacters,
  "granite-embed-multi-311m": joinsCharacters,
  "sarvam-moe": joinsCharacters,
  "kimi-k2":
    "Kimi K2 joins its tokens by their rank and has no merges, and its architecture is not implemented",
};

export interface NamedPreTokenizer {
  readonly preTokenizer: PreTokenizer;
  readonly ignoresMerges: boolean;
  readonly addsBos: boolean;
}

/** Throws PagodaError `model_unsupported` naming the file at `path`, the unknown name and the known ones. */
export function preTokenizerNamed(name: string, path: string): NamedPreTokenizer {
  const recipe = recipes.find(({ names }) => names.includes(name));
  if (recipe === undefined) throw unknownName(name, path);
  const steps = recipe.patterns.map((pattern) => splitBy(compilePattern(pattern, path), "Isolated", false));
  return {
    preTokenizer: inSequence(steps),
    ignoresMerges: recipe.ignoresMerges,
    addsBos: recipe.addsBos,
  };
}

function unknownName(name: string, path: string): PagodaError {
  const reason = Object.hasOwn(refusedNames, name) ? refusedNames[name] : undefined;
  const why = reason ?? "it is newer than this program";
  const hint =
    reason === undefined
      ? `Use the model's Hugging Face folder, or a file with one of: ${recipes.flatMap(({ names }) => names).join(", ")}.`
      : "Use another model.";
  return new PagodaError(
    "model_unsupported",
    `${path}: the pre-tokenizer "${name}" is not implemented: ${why}.`,
    { hint },
  );
}
