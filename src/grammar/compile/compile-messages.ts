/** @module What the thread that compiles rules is asked, and what it answers. */
import type { ConstraintRule } from "../../core/answer/output-constraint.ts";
import type { Network } from "../automaton/network.ts";
import type { ReasoningAllowed } from "./rule-grammar.ts";

export interface CompileRequest {
  readonly id: number;
  readonly rule: ConstraintRule;
  readonly reasoning: ReasoningAllowed | null;
}

export type CompileAnswer =
  /** The thread runs, and begins with the rule. */
  | { readonly id: number; readonly kind: "begun" }
  | { readonly id: number; readonly kind: "network"; readonly network: Network }
  | { readonly id: number; readonly kind: "fault"; readonly message: string; readonly hint: string };
