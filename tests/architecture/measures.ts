/** @module What single files hold: long functions, `private` members, lines that name an engine. */
import { lineOf, type SourceFile } from "./source-files.ts";

/** "path:line" of a node. */
export function placeOf(file: SourceFile, node: { readonly start: number }): string {
  return `${file.path}:${lineOf(file.text, node.start)}`;
}

const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

/** Functions of more than `mostLines` lines, by place. */
export function longFunctions(file: SourceFile, mostLines: number): readonly string[] {
  return file.nodes
    .filter((node) => functionTypes.has(node.type))
    .filter((node) => file.text.slice(node.start, node.end).split("\n").length > mostLines)
    .map((node) => placeOf(file, node));
}

/** Class members with the keyword `private`; members are made private with `#`. */
export function keywordPrivates(file: SourceFile): readonly string[] {
  return file.nodes
    .filter(({ accessibility }) => accessibility === "private")
    .map((node) => placeOf(file, node));
}

const engineName = /vllm|lmdeploy|turbomind/i;

/** Lines whose code (names, strings, import paths; not comments) names an engine. */
export function linesNamingAnEngine(file: SourceFile): readonly string[] {
  const code = withoutComments(file);
  return code.split("\n").flatMap((line, i) => (engineName.test(line) ? [`${file.path}:${i + 1}`] : []));
}

/** Identifiers and file names that spell "quantisation" the British way. */
export function britishNames(file: SourceFile): readonly string[] {
  const british = /quantis(?:ation|ed|e|er|ing)/i;
  const found = file.nodes.filter(({ name }) => typeof name === "string" && british.test(name));
  return [...(british.test(file.path) ? [file.path] : []), ...found.map((node) => placeOf(file, node))];
}

function withoutComments(file: SourceFile): string {
  let code = file.text;
  for (const { start, end } of file.comments)
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, " ") + code.slice(end);
  return code;
}
