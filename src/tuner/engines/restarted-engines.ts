/** @module What is worth varying of the engines that are tuned by starting them again, and what they would refuse. */
import { PagodaError } from "../../core/errors.ts";
import { type Knob, statedKnobs } from "../space/knobs.ts";

type Knobs = Readonly<Record<string, string>>;

/** What is tried where nothing is stated. */
const defaultKnobs: Readonly<Record<string, readonly Knob[]>> = {
  vllm: [
    { name: "max-num-batched-tokens", values: ["256", "512", "1024", "4096"] },
    { name: "max-num-seqs", values: ["8", "16", "64"] },
  ],
  "llama-server": [
    { name: "parallel", values: ["4", "8", "16", "32"] },
    { name: "ubatch-size", values: ["128", "256", "1024"] },
    { name: "threads-batch", values: ["1", "2"] },
  ],
};

const shortFlags: Readonly<Record<string, readonly string[]>> = {
  parallel: ["-np"],
  "ubatch-size": ["-ub"],
  "batch-size": ["-b"],
  threads: ["-t"],
  "threads-batch": ["-tb"],
  "ctx-size": ["-c"],
};

export function serverKnobs(engine: string, stated: string | null): readonly Knob[] {
  const defaults = defaultKnobs[engine] ?? [];
  if (stated === null && defaults.length > 0) return defaults;
  const knobs = statedKnobs(
    stated ?? "",
    defaults.map(({ name }) => name),
  ).map(({ name, values }) => ({
    name,
    values: values.length > 0 ? values : (defaults.find((knob) => knob.name === name)?.values ?? []),
  }));
  const empty = knobs.find(({ values }) => values.length === 0);
  if (knobs.length > 0 && empty === undefined) return knobs;
  throw new PagodaError(
    "invalid_option",
    empty === undefined
      ? `Nothing is known to vary for ${engine}.`
      : `--vary ${empty.name} states no values.`,
    { hint: "Write the values to try, such as --vary max-num-seqs=8,16." },
  );
}

/** By the first word of a start command; throws `invalid_option` for others. */
export function restartedEngine(words: readonly string[]): string {
  const name = words[0]?.split("/").at(-1) ?? "";
  if (Object.hasOwn(defaultKnobs, name)) return name;
  throw new PagodaError("invalid_option", `'${name}' is not an engine that is tuned by starting it again.`, {
    hint: `Write the start command of ${Object.keys(defaultKnobs).join(" or ")} in quotes, or the model of our own engine.`,
  });
}

/** The words with the flags set; other spellings of them give way. */
export function changedWords(words: readonly string[], change: Knobs): readonly string[] {
  let kept = [...words];
  for (const name of Object.keys(change))
    kept = withoutFlag(kept, [`--${name}`, ...(shortFlags[name] ?? [])]);
  return [...kept, ...Object.entries(change).flatMap(([name, value]) => [`--${name}`, value])];
}

function withoutFlag(words: readonly string[], spellings: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const [flag = ""] = word.split("=");
    if (!spellings.includes(flag)) kept.push(word);
    else if (word === flag && !(words[i + 1] ?? "-").startsWith("-")) i++;
  }
  return kept;
}

export function valueIn(words: readonly string[], name: string): string | null {
  const spellings = [`--${name}`, ...(shortFlags[name] ?? [])];
  const at = words.findLastIndex((word) => spellings.includes(word.split("=")[0] ?? ""));
  if (at === -1) return null;
  const word = words[at] as string;
  return word.includes("=") ? word.slice(word.indexOf("=") + 1) : (words[at + 1] ?? null);
}

/** Slots of llama-server share its context equally, so a request must fit into a part; vLLM refuses steps below its seats. */
export function shortcomingOf(
  engine: string,
  words: readonly string[],
  longestSequence: number,
): string | null {
  const number = (name: string): number => Number(valueIn(words, name) ?? Number.NaN);
  const slotTokens = number("ctx-size") / number("parallel");
  if (engine === "llama-server" && slotTokens < longestSequence)
    return `A slot has ${Math.floor(slotTokens)} tokens of the context, and the load's longest request has ${longestSequence}.`;
  if (engine === "vllm" && number("max-num-batched-tokens") < number("max-num-seqs"))
    return `A step of ${number("max-num-batched-tokens")} tokens is less than the ${number("max-num-seqs")} sequences of one.`;
  if (engine === "vllm" && number("max-model-len") < longestSequence)
    return `The load's longest request has ${longestSequence} tokens, and --max-model-len is ${number("max-model-len")}.`;
  return null;
}
