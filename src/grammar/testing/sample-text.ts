/** @module Texts of a grammar, drawn at random: what a model that knows nothing would write under its mask. */
import type { Recognizer, State } from "../automaton/recognizer.ts";

/** Bytes that close what is open, so that a text ends. */
const closing = [...'"}]0elurtsafn'].map((char) => char.charCodeAt(0));

/**
 * null where the text did not end within `mostBytes`. Throws where it came to a place from which no text goes on.
 * @param random uniform in [0, 1)
 */
export function sampleText(recognizer: Recognizer, random: () => number, mostBytes = 1500): string | null {
  const bytes: number[] = [];
  let state: State = recognizer.start();
  for (let i = 0; i < mostBytes; i++) {
    const classes = classesAfter(recognizer, state);
    if (state.isAccepting && (classes.length === 0 || random() < 0.3))
      return Buffer.from(bytes).toString("utf8");
    if (classes.length === 0) throw new Error(`no text goes on after ${Buffer.from(bytes).toString("utf8")}`);
    const wantsEnd = i > mostBytes / 10 && random() < 0.8;
    const byteClass = (wantsEnd ? closingClass(recognizer, classes) : null) ?? pick(classes, random);
    bytes.push(pick(bytesOf(recognizer, byteClass), random));
    state = recognizer.step(state, byteClass) as State;
  }
  return null;
}

function classesAfter(recognizer: Recognizer, state: State): number[] {
  return [...recognizer.network.byteOfClass.keys()].filter(
    (byteClass) => recognizer.step(state, byteClass) !== null,
  );
}

function closingClass({ network }: Recognizer, classes: readonly number[]): number | null {
  const byte = closing.find((one) => classes.includes(network.classOfByte[one] as number));
  return byte === undefined ? null : (network.classOfByte[byte] as number);
}

function bytesOf({ network }: Recognizer, byteClass: number): number[] {
  return [...network.classOfByte.keys()].filter((byte) => network.classOfByte[byte] === byteClass);
}

function pick(values: readonly number[], random: () => number): number {
  return values[Math.floor(random() * values.length)] as number;
}

/** Whether the grammar has the text. */
export function accepts(recognizer: Recognizer, text: string): boolean {
  return recognizer.advance(recognizer.start(), Buffer.from(text))?.isAccepting === true;
}
