/** @module Every place that makes a PagodaError, with the texts that its message and its hint may be. */
import { placeOf } from "./measures.ts";
import { isNode, type SourceFile, type SyntaxNode } from "./source-files.ts";

/** One construction of an error: `new PagodaError(code, message, { hint })`. */
export interface ErrorSite {
  readonly place: string;
  readonly room: string;
  /** Texts that the message may be, `…` standing for what is put in; null where it is computed elsewhere. */
  readonly messages: readonly string[] | null;
  readonly hints: readonly string[] | null;
  readonly hasHint: boolean;
}

export function errorSites(file: SourceFile): readonly ErrorSite[] {
  return file.nodes
    .filter((node) => node.type === "NewExpression" && (node.callee as SyntaxNode).name === "PagodaError")
    .map((node) => errorSite(file, node));
}

function errorSite(file: SourceFile, node: SyntaxNode): ErrorSite {
  const [, message, details] = node.arguments as readonly SyntaxNode[];
  const hint = details === undefined ? null : hintOf(details);
  return {
    place: placeOf(file, node),
    room: file.room,
    messages: message === undefined ? null : textsOf(file, message),
    hints: isNode(hint) ? textsOf(file, hint) : null,
    // An object that is passed on, or spread, may have a hint: its own site is checked.
    hasHint: hint !== null,
  };
}

/** The value of `hint` in an object; "unknown" where the object is made elsewhere; null where it has none. */
function hintOf(details: SyntaxNode): SyntaxNode | "unknown" | null {
  if (details.type === "ConditionalExpression") return hintOf(details.consequent as SyntaxNode);
  if (details.type !== "ObjectExpression") return "unknown";
  const properties = details.properties as readonly SyntaxNode[];
  for (const property of properties) {
    if (property.type === "SpreadElement") return "unknown";
    if ((property.key as SyntaxNode).name === "hint") return property.value as SyntaxNode;
  }
  return null;
}

/** Every text that an expression may become, as far as it is written at one place of this file; null otherwise. */
function textsOf(file: SourceFile, node: SyntaxNode, depth = 0): readonly string[] | null {
  if (depth > 4) return null;
  switch (node.type) {
    case "Literal":
      return typeof node.value === "string" ? [node.value] : null;
    case "TemplateLiteral":
      return [templateText(node)];
    case "ConditionalExpression":
      return bothOf(file, node.consequent as SyntaxNode, node.alternate as SyntaxNode, depth);
    case "BinaryExpression":
      return concatenated(file, node, depth);
    case "Identifier":
      return textsOfConstant(file, node, depth) ?? textsOfArguments(file, node, depth);
    default:
      return null;
  }
}

function templateText(node: SyntaxNode): string {
  const quasis = node.quasis as readonly { readonly value: { readonly cooked: string } }[];
  return quasis.map(({ value }) => value.cooked).join("…");
}

function bothOf(file: SourceFile, a: SyntaxNode, b: SyntaxNode, depth: number): readonly string[] | null {
  const texts = [textsOf(file, a, depth + 1), textsOf(file, b, depth + 1)];
  const known = texts.filter((list) => list !== null).flat();
  return known.length === 0 ? null : known;
}

function concatenated(file: SourceFile, node: SyntaxNode, depth: number): readonly string[] | null {
  const [left, right] = [node.left as SyntaxNode, node.right as SyntaxNode].map(
    (part) => textsOf(file, part, depth + 1) ?? ["…"],
  );
  return (left ?? []).flatMap((a) => (right ?? []).map((b) => a + b));
}

/** `const name = text` that stands before the use, the nearest one. */
function textsOfConstant(file: SourceFile, use: SyntaxNode, depth: number): readonly string[] | null {
  const declarations = file.nodes.filter(
    (node) =>
      node.type === "VariableDeclarator" &&
      (node.id as SyntaxNode).name === use.name &&
      node.start < use.start,
  );
  const init = declarations.at(-1)?.init;
  return isNode(init) ? textsOf(file, init, depth + 1) : null;
}

/** What a parameter is given where its function is called in the same file. */
function textsOfArguments(file: SourceFile, use: SyntaxNode, depth: number): readonly string[] | null {
  const owner = file.nodes
    .filter((node) => Array.isArray(node.params) && node.start < use.start && use.end < node.end)
    .filter((node) => parameterIndex(node, use) >= 0)
    .at(-1);
  if (owner === undefined) return null;
  const name = nameOfFunction(file, owner);
  const texts = file.nodes
    .filter((node) => node.type === "CallExpression" && name !== null && calleeName(node) === name)
    .map((call) => (call.arguments as readonly SyntaxNode[])[parameterIndex(owner, use)])
    .map((argument) => (argument === undefined ? null : textsOf(file, argument, depth + 1)))
    .filter((list) => list !== null)
    .flat();
  return texts.length === 0 ? null : texts;
}

function parameterIndex(owner: SyntaxNode, use: SyntaxNode): number {
  return (owner.params as readonly SyntaxNode[]).findIndex((parameter) => parameter.name === use.name);
}

function calleeName(call: SyntaxNode): unknown {
  const callee = call.callee as SyntaxNode;
  return callee.type === "MemberExpression" ? (callee.property as SyntaxNode).name : callee.name;
}

/** The name by which a function is called: its own, its method's or its constant's. */
function nameOfFunction(file: SourceFile, owner: SyntaxNode): unknown {
  if (isNode(owner.id)) return owner.id.name;
  const holder = file.nodes.find((node) => node.value === owner || node.init === owner);
  const name = holder?.key ?? holder?.id;
  return isNode(name) ? name.name : null;
}
