/** @module The TypeScript files under src/, parsed: their text, their syntax tree and what they import. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseSync } from "oxc-parser";

const sourceRoot = resolve(import.meta.dirname, "../../src");

/** A node of the tree: `type` says which fields it has besides. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface SourceFile {
  /** Below src/, with slashes. */
  readonly path: string;
  readonly room: string;
  /** The folder below src/ that holds the file. */
  readonly folder: string;
  readonly text: string;
  readonly numLines: number;
  /** Part of the product: neither a test nor support of tests. */
  readonly isProduction: boolean;
  readonly comments: readonly { readonly value: string; readonly start: number; readonly end: number }[];
  readonly nodes: readonly SyntaxNode[];
  /** Files under src/ that this one imports or starts as a worker, imports of types included. */
  readonly imports: readonly string[];
}

/** AssemblyScript is another language; it has no part in the rules about imports. */
const otherLanguage = "backend/cpu/kernels/wasm/assemblyscript/";

let allFiles: readonly SourceFile[] | null = null;

export function sourceFiles(): readonly SourceFile[] {
  allFiles ??= readdirSync(sourceRoot, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path) && !path.startsWith(otherLanguage))
    .sort()
    .map(readSourceFile);
  return allFiles;
}

export function productionFiles(): readonly SourceFile[] {
  return sourceFiles().filter((file) => file.isProduction);
}

export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function readSourceFile(path: string): SourceFile {
  const text = readFileSync(join(sourceRoot, path), "utf8");
  const { program, comments } = parseSync(path, text);
  const nodes: SyntaxNode[] = [];
  collectNodes(program, nodes);
  return {
    path,
    room: path.split("/")[0] ?? "",
    folder: dirname(path),
    text,
    numLines: text.split("\n").length - 1,
    isProduction: !/\.test\.tsx?$|(?:^|\/)(?:testing|conformance)\//.test(path),
    comments,
    nodes,
    imports: importsOf(path, nodes),
  };
}

function collectNodes(value: unknown, nodes: SyntaxNode[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collectNodes(item, nodes);
  } else if (isNode(value)) {
    nodes.push(value);
    for (const field of Object.values(value)) collectNodes(field, nodes);
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

const importingTypes = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType",
]);

function importsOf(path: string, nodes: readonly SyntaxNode[]): readonly string[] {
  const found = new Set<string>();
  for (const node of nodes) {
    const specifier = specifierOf(node);
    if (specifier === null) continue;
    const file = relative(sourceRoot, resolve(sourceRoot, dirname(path), specifier));
    if (existsSync(join(sourceRoot, file))) found.add(file);
  }
  return [...found];
}

/** `import` and `export … from` in every form, and `new URL("./file.ts", import.meta.url)`. */
function specifierOf(node: SyntaxNode): string | null {
  const isUrl = node.type === "NewExpression" && (node.callee as SyntaxNode).name === "URL";
  const source = isUrl ? (node.arguments as SyntaxNode[])[0] : node.source;
  if (!isUrl && !importingTypes.has(node.type)) return null;
  const specifier = isNode(source) ? source.value : null;
  return typeof specifier === "string" && /^\.{1,2}\/.*\.tsx?$/.test(specifier) ? specifier : null;
}
