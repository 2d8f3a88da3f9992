/** @module Walks over the statements of a template. */
import type { Block, Body, Statement } from "./ast.ts";

/** The bodies directly within a statement. */
function bodiesOf(statement: Statement): readonly Body[] {
  switch (statement.type) {
    case "If":
      return [...statement.branches.map(({ body }) => body), statement.otherwise];
    case "For":
      return [statement.body, statement.otherwise];
    case "Macro":
    case "CallBlock":
    case "FilterBlock":
    case "With":
    case "AssignBlock":
    case "Block":
    case "Autoescape":
      return [statement.body];
    default:
      return [];
  }
}

/** Every statement, at every depth. */
export function* allStatements(body: Body): Generator<Statement> {
  for (const statement of body) {
    yield statement;
    for (const inner of bodiesOf(statement)) yield* allStatements(inner);
  }
}

export function blocksOf(body: Body): ReadonlyMap<string, Block> {
  const blocks = new Map<string, Block>();
  for (const statement of allStatements(body))
    if (statement.type === "Block") blocks.set(statement.name, statement);
  return blocks;
}
