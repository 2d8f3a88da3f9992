/** @module The rule of a request as a grammar, whichever notation it has. */
import type { ConstraintRule } from "../../core/answer/output-constraint.ts";
import { type Network, networkOf } from "../automaton/network.ts";
import {
  choice,
  type Expression,
  type Grammar,
  optional,
  rule,
  sequence,
  text,
} from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { textWithout } from "../notation/free-text.ts";
import { statedGrammar } from "../notation/stated-grammar.ts";
import { structuralTagGrammar } from "../notation/structural-tag.ts";
import { oneOfTexts, regexExpression } from "../regular/regex.ts";
import { jsonObjectGrammar, schemaGrammar } from "../schema/schema-grammar.ts";

/** What may come before the text that the rule is for. */
export interface ReasoningAllowed {
  readonly close: string;
  /** null: the prompt has opened it, so the text begins inside. */
  readonly open: string | null;
}

/** Throws GrammarFault for a rule that is wrong, too large, or cannot be enforced. */
export function ruleNetwork(constraint: ConstraintRule, reasoning: ReasoningAllowed | null): Network {
  try {
    const grammar = ruleGrammar(constraint);
    return networkOf(reasoning === null ? grammar : afterReasoning(grammar, reasoning));
  } catch (thrown) {
    // Deep recursion of what was sent.
    if (thrown instanceof RangeError) throw new GrammarFault("It is nested too deep.", "Send a simpler one.");
    throw thrown;
  }
}

function ruleGrammar(constraint: ConstraintRule): Grammar {
  switch (constraint.kind) {
    case "json-object":
      return jsonObjectGrammar();
    case "json-schema":
      return schemaGrammar(constraint.schema);
    case "regex":
      return ofOneRule(regexExpression(constraint.pattern, { whole: true }));
    case "choice":
      return ofOneRule(oneOfTexts(constraint.texts));
    case "grammar":
      return statedGrammar(constraint.source);
    case "structural-tag":
      return structuralTagGrammar(constraint.format);
  }
}

function ofOneRule(expression: Expression): Grammar {
  return { rules: new Map([["root", expression]]), root: "root" };
}

function afterReasoning({ rules, root }: Grammar, { open, close }: ReasoningAllowed): Grammar {
  const name = "reasoning and then the text";
  const blanks = choice(...["", "\n", "\n\n"].map(text));
  const inside = sequence(textWithout([close]), text(close), blanks);
  const reasoning = open === null ? inside : optional(sequence(text(open), inside));
  return { rules: new Map([...rules, [name, sequence(reasoning, rule(root))]]), root: name };
}
