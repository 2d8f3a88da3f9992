import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { StopStrings } from "./stop-strings.ts";

/** Pieces through the matcher: all text shown, and what stopped it. */
function run(pieces: readonly string[], stops: readonly string[], include = false) {
  const matcher = new StopStrings(stops, include);
  let text = "";
  for (const piece of pieces) {
    const step = matcher.push(piece);
    text += step.text;
    if (step.matched !== null) return { text, matched: step.matched };
  }
  return { text: text + matcher.finish(), matched: null };
}

test("text before the stop is shown, the stop itself only where asked for", () => {
  assert.deepEqual(run(["one ST", "OP two"], ["STOP"]), { text: "one ", matched: "STOP" });
  assert.deepEqual(run(["one ST", "OP two"], ["STOP"], true), { text: "one STOP", matched: "STOP" });
});

test("only text that may begin a stop is held back", () => {
  const matcher = new StopStrings(["\n\nUser:"], false);
  assert.equal(matcher.push("fine\n").text, "fine");
  assert.equal(matcher.push("more").text, "\nmore");
  assert.equal(matcher.push("\n\nUse").text, "");
  assert.equal(matcher.push("d").text, "\n\nUsed");
});

test("a beginning of a stop that never completes comes out at the end", () => {
  assert.deepEqual(run(["abc", "ab"], ["abd"]), { text: "abcab", matched: null });
});

test("of two stops the one complete first wins", () => {
  assert.deepEqual(run(["xaby"], ["aby", "b"]), { text: "xa", matched: "b" });
  assert.deepEqual(run(["xaby"], ["by", "aby"]), { text: "x", matched: "aby" });
});

test("cutting the text differently changes nothing", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 });
  const stop = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(
      letters,
      fc.array(stop, { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat(4)),
      (text, stops, cuts) => {
        const pieces: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(text.slice(at, at + cut));
          at += cut;
        }
        pieces.push(text.slice(at));
        assert.deepEqual(run(pieces, stops), run(Array.from(text), stops));
      },
    ),
    { numRuns: 500, seed: 3 },
  );
});
