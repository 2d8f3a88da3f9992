/** @module What may change from one setting to the next: options of the engine, each with the values to try. */
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { attributeOf } from "../../core/options/option.ts";
import { engineOptions } from "../../instance/index.ts";

export interface Knob {
  /** Without its dashes: `max-num-seqs`. */
  readonly name: string;
  readonly values: readonly string[];
}

/** Values that are tried where none are stated. Those of one machine's processors are added by `defaultKnobs`. */
const ladders: Readonly<Record<string, readonly string[]>> = {
  "max-num-seqs": ["1", "2", "4", "8", "16", "32", "64", "128"],
  "max-num-batched-tokens": ["32", "64", "128", "256", "512", "1024", "2048"],
  "max-step-ms": ["25", "50", "100", "200", "300", "600"],
  "enable-prefix-caching": ["on", "off"],
  "kv-cache-dtype": ["f16", "int8", "int4"],
  "block-size": ["16", "32", "64"],
  kernels: ["wasm", "machine-code"],
};

/** They change while the engine runs, so that a trial needs no restart. */
const liveKnobNames = ["max-num-seqs", "max-num-batched-tokens", "max-step-ms"] as const;

/** Another value of these makes steps take another time: they are measured for each. */
export const stepTimeKnobNames: readonly string[] = [
  "kv-cache-dtype",
  "kernels",
  "threads",
  "quantization",
  "backend",
  "block-size",
];

export const liveKnobs: readonly Knob[] = liveKnobNames.map((name) => ({ name, values: ladderOf(name) }));

function ladderOf(name: string): readonly string[] {
  const ladder = ladders[name];
  if (ladder !== undefined) return ladder;
  throw new PagodaError("invalid_option", `--vary ${name} states no values.`, {
    hint: `Write the values to try, such as ${name}=A,B; values are known for ${Object.keys(ladders).join(", ")}.`,
  });
}

const flagNames = Object.values(engineOptions).flatMap(({ spellings }) =>
  spellings.map(({ flag }) => flag.slice(2)),
);

/** `max-num-seqs=8,16 kv-cache-dtype`: names of options of our engine, with values or without. */
export function parseKnobs(text: string): readonly Knob[] {
  return statedKnobs(text, flagNames).map(({ name, values }) => ({
    name: known(name),
    values: values.length === 0 ? ladderOf(name) : values,
  }));
}

/** Knobs as stated, values or none; a word that is one of `names` begins a knob without values. */
export function statedKnobs(text: string, names: readonly string[]): readonly Knob[] {
  const knobs: { name: string; values: string[] }[] = [];
  for (const word of text.split(/[\s,;]+/).filter((part) => part !== "")) {
    const [, name, value] = /^(?:--?)?([a-z][a-z0-9-]*)=(.+)$/.exec(word) ?? [];
    const bare = word.replace(/^--?/, "");
    const current = knobs.at(-1);
    if (name !== undefined && value !== undefined) knobs.push({ name, values: [value] });
    else if (names.includes(bare) || current === undefined || current.values.length === 0)
      knobs.push({ name: bare, values: [] });
    else current.values.push(word);
  }
  return knobs;
}

function known(name: string): string {
  if (flagNames.includes(name)) return name;
  const [nearest] = nearestNames(name, flagNames, 1);
  throw new PagodaError("invalid_option", `There is no option --${name} of an engine to vary.`, {
    hint: nearest === undefined ? "See pagoda serve --help." : `Use ${nearest}.`,
  });
}

/** Flags as commander gives them, by attribute. */
export type GivenFlags = Readonly<Record<string, unknown>>;

/** `given` with the knobs set: another spelling of the same option gives way. */
export function withKnobs(given: GivenFlags, values: Readonly<Record<string, string>>): GivenFlags {
  const changed: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(values)) {
    const option = Object.values(engineOptions).find(({ spellings }) =>
      spellings.some(({ flag }) => flag === `--${name}`),
    );
    for (const { flag } of option?.spellings ?? []) delete changed[attributeOf(flag)];
    changed[attributeOf(`--${name}`)] = option?.argument === null ? value === "on" : value;
  }
  return changed;
}
