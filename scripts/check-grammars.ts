/**
 * Compiles every grammar (`*.gbnf`, `*.lark`) of a folder, draws texts of each at random, and checks that they are taken.
 *
 *     node scripts/check-grammars.ts FOLDER
 *
 * FOLDER is for example `grammars` of llama.cpp. Ends with 1 where a grammar is refused or a text is not taken.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Recognizer } from "../src/grammar/automaton/recognizer.ts";
import { ruleNetwork } from "../src/grammar/compile/rule-grammar.ts";
import { accepts, sampleText } from "../src/grammar/testing/sample-text.ts";

const numTexts = 50;
const [, , folder = "."] = process.argv;

for (const file of readdirSync(folder).filter((name) => /\.(gbnf|lark)$/.test(name))) {
  const start = performance.now();
  try {
    const source = readFileSync(join(folder, file), "utf8");
    const recognizer = new Recognizer(
      ruleNetwork({ kind: "grammar", source }, null),
      Number.POSITIVE_INFINITY,
    );
    const ms = performance.now() - start;
    let seed = 7;
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    const texts = Array.from({ length: numTexts }, () => sampleText(recognizer, random, 600));
    const written = texts.filter((text) => text !== null);
    const taken = written.filter((text) => accepts(recognizer, text));
    if (taken.length < written.length) process.exitCode = 1;
    console.log(`${file}: ${ms.toFixed(1)} ms, ${taken.length} of ${written.length} ended texts taken`);
  } catch (thrown) {
    process.exitCode = 1;
    console.log(`${file}: ${(thrown as Error).message}`);
  }
}
