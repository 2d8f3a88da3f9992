/** @module The door of the room: rules for outputs, compiled, and the tokens that they allow. */
export { Recognizer, type State } from "./automaton/recognizer.ts";
export { RuleCompiler } from "./compile/rule-compiler.ts";
export type { ReasoningAllowed } from "./compile/rule-grammar.ts";
export { GrammarFault } from "./expression/fault.ts";
export { buildTrie, type TokenTrie, tokenMask, trieBytes } from "./vocabulary/token-trie.ts";
