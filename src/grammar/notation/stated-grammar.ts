/** @module A grammar in whichever notation it was sent: GBNF or EBNF with `::=`, Lark without. */
import type { Grammar } from "../expression/expression.ts";
import { gbnfGrammar } from "./gbnf.ts";
import { isLark, larkGrammar } from "./lark.ts";

/** Throws GrammarFault with the line of the mistake. */
export function statedGrammar(source: string): Grammar {
  return isLark(source) ? larkGrammar(source) : gbnfGrammar(source);
}
