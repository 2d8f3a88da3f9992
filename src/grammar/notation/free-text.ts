/** @module Any text, up to the place where one of several texts begins. */

import type { Dfa } from "../expression/expression.ts";
import { characters, type Expression, repeat } from "../expression/expression.ts";
import { anyCodePoint, gaps } from "../regular/dfa.ts";

/** Texts in which none of `excluded` occurs (Aho and Corasick's automaton). */
export function textWithout(excluded: readonly string[]): Expression {
  if (excluded.length === 0) return repeat(characters(anyCodePoint), 0, null);
  return { kind: "dfa", dfa: withoutDfa(excluded.map((one) => [...one])), inJsonString: false };
}

function withoutDfa(excluded: readonly (readonly string[])[]): Dfa {
  // A state is the longest end of the text that an excluded text begins with.
  const prefixes = new Map([["", 0]]);
  const states: string[][] = [[]];
  for (const text of excluded)
    for (let length = 1; length < text.length; length++) {
      const key = text.slice(0, length).join("");
      if (prefixes.has(key)) continue;
      prefixes.set(key, states.length);
      states.push(text.slice(0, length));
    }
  const whole = excluded.map((text) => text.join(""));
  const characterSet = [...new Set(excluded.flat())];
  return {
    start: 0,
    states: states.map((prefix) => {
      const edges: Dfa["states"][number]["edges"][number][] = [];
      for (const char of characterSet) {
        const read = [...prefix, char];
        if (whole.some((one) => read.join("").endsWith(one))) continue;
        let to: number | undefined;
        for (let from = 0; to === undefined; from++) to = prefixes.get(read.slice(from).join(""));
        const code = char.codePointAt(0) as number;
        edges.push({ range: [code, code], to });
      }
      const named = characterSet.map((char) => char.codePointAt(0) as number);
      for (const range of gaps(named.map((code) => [code, code] as const))) edges.push({ range, to: 0 });
      return { isAccepting: true, edges };
    }),
  };
}
