import assert from "node:assert/strict";
import { test } from "node:test";
import { RuleCompiler } from "./rule-compiler.ts";

test("the start of the thread is not counted against the limit of a rule", async (t) => {
  const compiler = new RuleCompiler({ capacityBytes: 2 ** 20, limitMs: 2000 });
  t.after(() => compiler.close());
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const compiled = compiler.compile({ kind: "choice", texts: ["yes", "no"] }, null);
  // Long before the thread can have begun.
  t.mock.timers.tick(60_000);
  const recognizer = await compiled;
  assert.equal(recognizer.advance(recognizer.start(), Buffer.from("yes"))?.isAccepting, true);
});
