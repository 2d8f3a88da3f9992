/** @module How deep expressions are nested, which is bounded. */
import { TemplateSyntaxError } from "../values/errors.ts";
import type { Expr } from "./ast.ts";

/** A chain of operators this deep is refused; evaluating it takes as many calls. */
const maxDepth = 300;

interface Depth {
  readonly depth: number;
}

/** The node with its depth: one more than that of its deepest child. Throws TemplateSyntaxError where that is too deep. */
export function withDepth<const T extends { readonly line: number }>(
  node: T,
  children: readonly (Expr | null)[],
): T & Depth {
  let depth = 1;
  for (const child of children) if (child !== null && child.depth >= depth) depth = child.depth + 1;
  if (depth > maxDepth)
    throw new TemplateSyntaxError(`the template nests expressions more than ${maxDepth} deep`, node.line);
  return { ...node, depth };
}
