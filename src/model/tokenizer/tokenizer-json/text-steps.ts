/** @module Normalizers and pre-tokenizers as `tokenizer.json` describes them. A step that we lack is named, not skipped. */

import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer, unknownTokenizerPart } from "../../files/damage-hints.ts";
import { isJsonObject, type JsonObject, shownValue } from "../../files/json-file.ts";
import { wordCharacter } from "../added-tokens.ts";
import { publishedPatterns } from "../gguf/llama-cpp-pre-tokenizers.ts";
import { type Normalizer, normalizeInSequence, unchanged } from "../normalizer.ts";
import { BoundedPattern, matchesOf, type TextPattern } from "../patterns/bounded-pattern.ts";
import { boundedReplace } from "../patterns/bounded-replace.ts";
import { anyLiteral, compilePattern } from "../patterns/text-pattern.ts";
import { whiteSpaceEnd, whiteSpaceStart } from "../patterns/white-space.ts";
import {
  byteLevel,
  inSequence,
  metaspace,
  type PreTokenizer,
  type SplitBehavior,
  splitBy,
} from "../pre-tokenizer.ts";
import { spaceMark } from "../word-boundaries.ts";
import { precompiledNormalizer } from "./precompiled-charsmap.ts";

const maxDepth = 8;
const splitBehaviors: readonly SplitBehavior[] = [
  "Isolated",
  "Removed",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
];
const unicodeForms: readonly string[] = ["NFC", "NFD", "NFKC", "NFKD"];

const punctuation = /[\p{P}$+<=>^`|~]/gu;
/** `\w+|[^\w\s]+` with the classes of Rust. */
const wordsOrMarks = new RegExp(`${wordCharacter}+|[^${wordCharacter}\\p{White_Space}]+`, "gv");

/** `where` names the file in errors. null is no normalizer. Throws PagodaError `model_invalid` or `model_unsupported`. */
export function normalizerOf(step: unknown, where: string, depth = 0): Normalizer {
  if (step === null || step === undefined) return unchanged;
  const config = stepObject(step, "normalizer", where, depth);
  const type = typeof config.type === "string" ? config.type : "";
  if (unicodeForms.includes(type)) return (text) => text.normalize(type);
  switch (type) {
    case "Sequence":
      return normalizeInSequence(
        listOf(config, "normalizers", where).map((part) => normalizerOf(part, where, depth + 1)),
      );
    case "Prepend": {
      const prefix = textOf(config, "prepend", where);
      return (text) => (text === "" ? text : prefix + text);
    }
    case "Replace": {
      const pattern = patternOf(config, where);
      const content = textOf(config, "content", where);
      return (text) => boundedReplace(text, matchesOf(pattern, text), content);
    }
    case "Lowercase":
      // Each character by itself: a sigma at the end of a word is not special.
      return (text) => text.replaceAll("\u03a3", "\u03c3").toLowerCase();
    case "StripAccents":
      return (text) => text.replaceAll(/\p{M}/gu, "");
    case "Strip": {
      const left = config.strip_left !== false;
      const right = config.strip_right !== false;
      return (text) => {
        const start = left ? whiteSpaceEnd(text, 0) : 0;
        return text.slice(start, right ? whiteSpaceStart(text, text.length, start) : text.length);
      };
    }
    case "Precompiled":
      return precompiledOf(config, where);
    default:
      throw unsupported("normalizer", config.type, where);
  }
}

/** A model without a map (transformers writes "" or null) has nothing to change. */
function precompiledOf(config: JsonObject, where: string): Normalizer {
  const { precompiled_charsmap: encoded } = config;
  if (encoded === null || encoded === "") return unchanged;
  const bytes = typeof encoded === "string" ? Buffer.from(encoded, "base64") : Buffer.alloc(0);
  const normalizer = precompiledNormalizer(bytes);
  if (normalizer !== null) return normalizer;
  throw new PagodaError("model_invalid", `${where}: precompiled_charsmap is not a compiled character map.`, {
    hint: damagedTokenizer,
  });
}

/** null is no cutting at all. */
export function preTokenizerOf(step: unknown, where: string, depth = 0): PreTokenizer | null {
  if (step === null || step === undefined) return null;
  const config = stepObject(step, "pre_tokenizer", where, depth);
  switch (config.type) {
    case "Sequence":
      return inSequence(
        listOf(config, "pretokenizers", where).flatMap(
          (part) => preTokenizerOf(part, where, depth + 1) ?? [],
        ),
      );
    case "ByteLevel":
      return byteLevel({
        addPrefixSpace: config.add_prefix_space === true,
        useRegex: config.use_regex !== false,
      });
    case "Split":
      return splitBy(patternOf(config, where), behaviorOf(config, where), config.invert === true);
    case "Digits":
      return splitBy(config.individual_digits === true ? /\p{N}/gu : /\p{N}+/gu, "Isolated", false);
    case "Punctuation":
      return splitBy(punctuation, behaviorOf({ behavior: "Isolated", ...config }, where), false);
    case "BertPreTokenizer":
      return inSequence([
        splitBy(/\p{White_Space}/gu, "Removed", false),
        splitBy(punctuation, "Isolated", false),
      ]);
    case "CharDelimiterSplit":
      return splitBy(anyLiteral([textOf(config, "delimiter", where)]), "Removed", false);
    case "Whitespace":
      return splitBy(wordsOrMarks, "Removed", true);
    case "WhitespaceSplit":
      return splitBy(/\p{White_Space}+/gu, "Removed", false);
    case "Metaspace":
      return metaspace({
        mark:
          typeof config.replacement === "string" && config.replacement !== ""
            ? config.replacement
            : spaceMark,
        prepend: prependOf(config),
        cuts: config.split !== false,
      });
    default:
      throw unsupported("pre_tokenizer", config.type, where);
  }
}

/** Whether a step of this type is anywhere in the (possibly nested) description. */
export function hasStep(step: unknown, wanted: (config: JsonObject) => boolean, depth = 0): boolean {
  if (!isJsonObject(step) || depth > maxDepth) return false;
  if (wanted(step)) return true;
  const lists = [step.normalizers, step.pretokenizers, step.decoders, step.processors];
  return lists.some((list) => Array.isArray(list) && list.some((part) => hasStep(part, wanted, depth + 1)));
}

export function prependOf(config: JsonObject): "always" | "first" | "never" {
  const { prepend_scheme: scheme } = config;
  if (scheme === "always" || scheme === "first" || scheme === "never") return scheme;
  return config.add_prefix_space === false ? "never" : "always";
}

function stepObject(step: unknown, kind: string, where: string, depth: number): JsonObject {
  if (!isJsonObject(step))
    throw new PagodaError("model_invalid", `${where}: a ${kind} is not an object.`, {
      hint: damagedTokenizer,
    });
  if (depth > maxDepth)
    throw new PagodaError("model_invalid", `${where}: ${kind} steps are nested deeper than ${maxDepth}.`, {
      hint: unknownTokenizerPart,
    });
  return step;
}

export function patternOf(config: JsonObject, where: string): TextPattern {
  const { pattern } = config;
  if (isJsonObject(pattern)) {
    if (typeof pattern.Regex === "string") {
      const compiled = compilePattern(pattern.Regex, where);
      return publishedPatterns.has(pattern.Regex) ? compiled : new BoundedPattern(compiled, pattern.Regex);
    }
    if (typeof pattern.String === "string" && pattern.String !== "") return anyLiteral([pattern.String]);
  }
  throw new PagodaError("model_invalid", `${where}: ${shownValue(config.type)} has no pattern.`, {
    hint: damagedTokenizer,
  });
}

function behaviorOf(config: JsonObject, where: string): SplitBehavior {
  const wanted = typeof config.behavior === "string" ? config.behavior.toLowerCase().replaceAll("_", "") : "";
  const behavior = splitBehaviors.find((name) => name.toLowerCase() === wanted);
  if (behavior !== undefined) return behavior;
  throw new PagodaError(
    "model_invalid",
    `${where}: ${shownValue(config.type)} has no behavior ${shownValue(config.behavior)}.`,
    { hint: damagedTokenizer },
  );
}

function listOf(config: JsonObject, field: string, where: string): readonly unknown[] {
  const list = config[field];
  if (Array.isArray(list)) return list;
  throw new PagodaError("model_invalid", `${where}: ${shownValue(config.type)} has no list ${field}.`, {
    hint: damagedTokenizer,
  });
}

export function textOf(config: JsonObject, field: string, where: string): string {
  const text = config[field];
  if (typeof text === "string") return text;
  throw new PagodaError("model_invalid", `${where}: ${shownValue(config.type)} has no text ${field}.`, {
    hint: damagedTokenizer,
  });
}

function unsupported(kind: string, type: unknown, where: string): PagodaError {
  return new PagodaError(
    "model_unsupported",
    `${where}: the ${kind} ${shownValue(type)} is not implemented.`,
    { hint: unknownTokenizerPart },
  );
}
