/** @module The syntax tree of a template, with Jinja's own node kinds. */
import type { BinaryOperator } from "../operations/arithmetic.ts";
import type { PyValue } from "../values/values.ts";

interface Located {
  /** Line of the source, from 1. */
  readonly line: number;
  /** Nodes from this one down to its deepest leaf; bounded by the parser. */
  readonly depth: number;
}

export type CompareOperator = "eq" | "ne" | "lt" | "lteq" | "gt" | "gteq" | "in" | "notin";

/** Arguments as they are written: positional, `name=value`, `*sequence` and `**mapping`. */
export interface CallArguments {
  readonly args: readonly Expr[];
  readonly kwargs: readonly { readonly key: string; readonly value: Expr }[];
  readonly dynArgs: Expr | null;
  readonly dynKwargs: Expr | null;
}

export interface Const extends Located {
  readonly type: "Const";
  readonly value: PyValue;
}
export interface Name extends Located {
  readonly type: "Name";
  readonly name: string;
}
export interface TupleExpr extends Located {
  readonly type: "Tuple";
  readonly items: readonly Expr[];
}
export interface ListExpr extends Located {
  readonly type: "List";
  readonly items: readonly Expr[];
}
export interface DictExpr extends Located {
  readonly type: "Dict";
  readonly pairs: readonly { readonly key: Expr; readonly value: Expr }[];
}
export interface CondExpr extends Located {
  readonly type: "CondExpr";
  readonly test: Expr;
  readonly value: Expr;
  readonly otherwise: Expr | null;
}
export interface LogicExpr extends Located {
  readonly type: "And" | "Or";
  readonly left: Expr;
  readonly right: Expr;
}
export interface UnaryExpr extends Located {
  readonly type: "Not" | "Neg" | "Pos";
  readonly operand: Expr;
}
export interface BinaryExpr extends Located {
  readonly type: "Binary";
  readonly operator: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
}
export interface ConcatExpr extends Located {
  readonly type: "Concat";
  readonly items: readonly Expr[];
}
export interface CompareExpr extends Located {
  readonly type: "Compare";
  readonly first: Expr;
  readonly rest: readonly { readonly operator: CompareOperator; readonly operand: Expr }[];
}
export interface GetattrExpr extends Located {
  readonly type: "Getattr";
  readonly object: Expr;
  readonly name: string;
}
export interface GetitemExpr extends Located {
  readonly type: "Getitem";
  readonly object: Expr;
  readonly index: Expr;
}
export interface SliceExpr extends Located {
  readonly type: "Slice";
  readonly object: Expr;
  readonly start: Expr | null;
  readonly stop: Expr | null;
  readonly step: Expr | null;
}
export interface CallExpr extends Located, CallArguments {
  readonly type: "Call";
  readonly callee: Expr;
}
/** `operand` is null in a filter block: the block's own text. */
export interface FilterExpr extends Located, CallArguments {
  readonly type: "Filter";
  readonly name: string;
  readonly operand: Expr | null;
}
export interface TestExpr extends Located, CallArguments {
  readonly type: "Test";
  readonly name: string;
  readonly operand: Expr;
}

export type Expr =
  | Const
  | Name
  | TupleExpr
  | ListExpr
  | DictExpr
  | CondExpr
  | LogicExpr
  | UnaryExpr
  | BinaryExpr
  | ConcatExpr
  | CompareExpr
  | GetattrExpr
  | GetitemExpr
  | SliceExpr
  | CallExpr
  | FilterExpr
  | TestExpr;

/** What is assigned to: a name, a field of a namespace, or a tuple of targets. */
export type Target =
  | { readonly type: "NameTarget"; readonly name: string; readonly line: number }
  | { readonly type: "NamespaceTarget"; readonly name: string; readonly field: string; readonly line: number }
  | { readonly type: "TupleTarget"; readonly items: readonly Target[]; readonly line: number };

export interface Parameter {
  readonly name: string;
  readonly fallback: Expr | null;
}

export interface Output {
  readonly type: "Output";
  /** Text of the template as it stands, or an expression to print. */
  readonly items: readonly (string | Expr)[];
  readonly line: number;
}
export interface For {
  readonly type: "For";
  readonly target: Target;
  readonly iterable: Expr;
  readonly filter: Expr | null;
  readonly recursive: boolean;
  readonly body: Body;
  readonly otherwise: Body;
  readonly line: number;
}
export interface If {
  readonly type: "If";
  readonly branches: readonly { readonly test: Expr; readonly body: Body }[];
  readonly otherwise: Body;
  readonly line: number;
}
export interface Macro {
  readonly type: "Macro";
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: Body;
  readonly line: number;
}
/** `call` is null for `{% generation %}`, which prints its body. */
export interface CallBlock {
  readonly type: "CallBlock";
  readonly call: CallExpr | null;
  readonly parameters: readonly Parameter[];
  readonly body: Body;
  readonly line: number;
}
export interface FilterBlock {
  readonly type: "FilterBlock";
  readonly filter: FilterExpr;
  readonly body: Body;
  readonly line: number;
}
export interface With {
  readonly type: "With";
  readonly targets: readonly Target[];
  readonly values: readonly Expr[];
  readonly body: Body;
  readonly line: number;
}
export interface Assign {
  readonly type: "Assign";
  readonly target: Target;
  readonly value: Expr;
  readonly line: number;
}
export interface AssignBlock {
  readonly type: "AssignBlock";
  readonly target: Target;
  readonly filter: FilterExpr | null;
  readonly body: Body;
  readonly line: number;
}
export interface Block {
  readonly type: "Block";
  readonly name: string;
  readonly scoped: boolean;
  readonly required: boolean;
  readonly body: Body;
  readonly line: number;
}
export interface Autoescape {
  readonly type: "Autoescape";
  readonly enabled: Expr;
  readonly body: Body;
  readonly line: number;
}
/** `include`, `import`, `from` and `extends`: other templates, of which there are none. */
export interface OtherTemplate {
  readonly type: "OtherTemplate";
  readonly tag: "include" | "import" | "from" | "extends";
  readonly template: Expr;
  /** Names that an import would define. */
  readonly names: readonly string[];
  readonly line: number;
}
export interface LoopControl {
  readonly type: "Break" | "Continue";
  readonly line: number;
}

export type Statement =
  | Output
  | For
  | If
  | Macro
  | CallBlock
  | FilterBlock
  | With
  | Assign
  | AssignBlock
  | Block
  | Autoescape
  | OtherTemplate
  | LoopControl;

export type Body = readonly Statement[];
