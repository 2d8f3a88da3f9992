/** @module What the text of an answer must match, as requests state it; the engine compiles it and forbids other tokens. */

export type ConstraintRule =
  | { readonly kind: "json-object" }
  /** `schema`: a JSON Schema, an object or a boolean. */
  | { readonly kind: "json-schema"; readonly schema: unknown }
  /** The whole text matches. */
  | { readonly kind: "regex"; readonly pattern: string }
  | { readonly kind: "choice"; readonly texts: readonly string[] }
  /** GBNF or EBNF, with a rule `root`. */
  | { readonly kind: "grammar"; readonly source: string }
  /** The format of a structural tag, as vLLM and XGrammar have it. */
  | { readonly kind: "structural-tag"; readonly format: unknown };

export interface OutputConstraint {
  readonly rule: ConstraintRule;
  /** The field of the request that states it, for errors. */
  readonly param: string;
  /** Marks of reasoning, which may come before the text that the rule is for; null: the rule is for the whole text. */
  readonly reasoning: { readonly open: string; readonly close: string } | null;
}
