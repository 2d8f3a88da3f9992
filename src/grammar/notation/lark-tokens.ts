/** @module The tokens of a grammar in Lark's notation. */
import { GrammarFault } from "../expression/fault.ts";

export interface LarkToken {
  /** `name` of a rule or terminal, `string`, `regex`, `number`, a `directive` such as %ignore, the end of a `line`, or a `sign`. */
  readonly kind: "name" | "string" | "regex" | "number" | "directive" | "line" | "sign";
  /** Of a string or regular expression its content, as written between the marks. */
  readonly text: string;
  /** Letters behind the closing mark. */
  readonly flags: string;
  readonly line: number;
}

const forms: readonly (readonly [LarkToken["kind"] | "blank", RegExp])[] = [
  ["blank", /[ \t\r]+|(?:\/\/|#)[^\n]*/y],
  ["line", /\n/y],
  ["string", /"((?:[^"\\\n]|\\.)*)"([a-z]*)/y],
  ["regex", /\/((?:[^/\\\n]|\\.)+)\/([a-z]*)/y],
  ["directive", /%[a-z]+/y],
  ["number", /\d+/y],
  ["name", /[A-Za-z_][A-Za-z0-9_-]*/y],
  ["sign", /\.\.|->|[:|()[\]{},.?*+~!<>]/y],
];

/** Throws GrammarFault with the line of what is no token. */
export function larkTokens(source: string): readonly LarkToken[] {
  const tokens: LarkToken[] = [];
  let line = 1;
  for (let at = 0; at < source.length; ) {
    const found = tokenAt(source, at);
    if (found === null) throw larkFault(line, `'${source[at]}' is not expected here`);
    const { kind, match } = found;
    const [whole, text = whole, flags = ""] = match;
    if (kind !== "blank") tokens.push({ kind, text, flags, line });
    if (kind === "line") line++;
    at += whole.length;
  }
  return tokens;
}

function tokenAt(
  source: string,
  at: number,
): { readonly kind: LarkToken["kind"] | "blank"; readonly match: RegExpExecArray } | null {
  for (const [kind, form] of forms) {
    form.lastIndex = at;
    const match = form.exec(source);
    if (match !== null) return { kind, match };
  }
  return null;
}

export function larkFault(line: number, what: string): GrammarFault {
  return new GrammarFault(
    `Line ${line} of the grammar is wrong: ${what}.`,
    'Write rules like start: "yes" | "no" (Lark), or like root ::= "yes" | "no" (GBNF).',
  );
}
