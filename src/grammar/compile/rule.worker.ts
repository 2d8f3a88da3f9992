/** @module A thread that compiles rules, so that a large one holds up no other request. */
import { parentPort } from "node:worker_threads";
import { GrammarFault } from "../expression/fault.ts";
import type { CompileAnswer, CompileRequest } from "./compile-messages.ts";
import { ruleNetwork } from "./rule-grammar.ts";

parentPort?.on("message", ({ id, rule, reasoning }: CompileRequest) => {
  const answer = (content: CompileAnswer): void => parentPort?.postMessage(content);
  answer({ id, kind: "begun" });
  try {
    answer({ id, kind: "network", network: ruleNetwork(rule, reasoning) });
  } catch (thrown) {
    if (!(thrown instanceof GrammarFault)) throw thrown;
    answer({ id, kind: "fault", message: thrown.message, hint: thrown.hint });
  }
});
