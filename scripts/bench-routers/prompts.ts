/** @module Requests of users in groups: the first half of a prompt is its group's, the rest its own. */
import { seededUniform } from "../../src/core/seeded-uniform.ts";

const numGroups = 16;
const numBodies = 512;
const words = "the of and to in is it for on as with that by this from at or are be not have which".split(
  " ",
);

function textOf(numBytes: number, uniform: () => number): string {
  const parts: string[] = [];
  for (let length = 0; length < numBytes; ) {
    const word = words[Math.floor(uniform() * words.length)] ?? "the";
    parts.push(word);
    length += word.length + 1;
  }
  return parts.join(" ").slice(0, numBytes);
}

/** Bodies of about `promptBytes` each, in random order of groups. */
export function groupedBodies(promptBytes: number): readonly object[] {
  const uniform = seededUniform(promptBytes);
  const shared = Array.from({ length: numGroups }, () => textOf(promptBytes / 2, uniform));
  return Array.from({ length: numBodies }, () => ({
    model: "m",
    messages: [
      { role: "system", content: shared[Math.floor(uniform() * numGroups)] },
      { role: "user", content: textOf(promptBytes / 2, uniform) },
    ],
    max_tokens: 16,
  }));
}
