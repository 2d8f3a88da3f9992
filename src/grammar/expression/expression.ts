/** @module What all notations of grammars are translated into: expressions over characters, with rules that may be recursive. */

export type CodePointRange = readonly [first: number, last: number];

/** A deterministic automaton over code points. */
export interface Dfa {
  readonly states: readonly DfaState[];
  readonly start: number;
}

export interface DfaState {
  readonly isAccepting: boolean;
  /** Disjoint; a code point without an edge ends in failure. */
  readonly edges: readonly { readonly range: CodePointRange; readonly to: number }[];
}

export type Expression =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "characters"; readonly ranges: readonly CodePointRange[] }
  | { readonly kind: "sequence"; readonly parts: readonly Expression[] }
  | { readonly kind: "choice"; readonly options: readonly Expression[] }
  /** `max` null: without limit. */
  | { readonly kind: "repeat"; readonly body: Expression; readonly min: number; readonly max: number | null }
  | { readonly kind: "rule"; readonly name: string }
  /** Texts that `dfa` accepts: as they are, or as the inside of a JSON string, where some characters are escaped. */
  | { readonly kind: "dfa"; readonly dfa: Dfa; readonly inJsonString: boolean };

export interface Grammar {
  readonly rules: ReadonlyMap<string, Expression>;
  readonly root: string;
}

export const text = (value: string): Expression => ({ kind: "text", text: value });
export const sequence = (...parts: readonly Expression[]): Expression =>
  parts.length === 1 ? (parts[0] as Expression) : { kind: "sequence", parts };
export const choice = (...options: readonly Expression[]): Expression =>
  options.length === 1 ? (options[0] as Expression) : { kind: "choice", options };
export const repeat = (body: Expression, min: number, max: number | null): Expression => ({
  kind: "repeat",
  body,
  min,
  max,
});
export const optional = (body: Expression): Expression => repeat(body, 0, 1);
export const rule = (name: string): Expression => ({ kind: "rule", name });
export const characters = (...ranges: readonly CodePointRange[]): Expression => ({
  kind: "characters",
  ranges,
});
export const nothing: Expression = { kind: "sequence", parts: [] };
