import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConstraintRule } from "../../core/answer/output-constraint.ts";
import { Recognizer } from "../automaton/recognizer.ts";
import { ruleNetwork } from "../compile/rule-grammar.ts";
import { GrammarFault } from "../expression/fault.ts";
import { accepts, sampleText } from "../testing/sample-text.ts";

const recognizerOf = (rule: ConstraintRule): Recognizer =>
  new Recognizer(ruleNetwork(rule, null), Number.POSITIVE_INFINITY);
const grammar = (source: string): Recognizer => recognizerOf({ kind: "grammar", source });
const tags = (format: unknown): Recognizer => recognizerOf({ kind: "structural-tag", format });

function assertTexts(recognizer: Recognizer, good: readonly string[], bad: readonly string[]): void {
  for (const text of good) assert.ok(accepts(recognizer, text), `must be taken: ${JSON.stringify(text)}`);
  for (const text of bad) assert.ok(!accepts(recognizer, text), `must not be taken: ${JSON.stringify(text)}`);
}

/** Deterministic and uniform enough to choose by. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

function faultOf(source: string): GrammarFault {
  try {
    grammar(source);
  } catch (thrown) {
    assert.ok(thrown instanceof GrammarFault, String(thrown));
    return thrown;
  }
  return assert.fail(`it was taken: ${source}`);
}

/** Of the kinds that llama.cpp publishes: lists, sums, moves of chess, JSON, statements of C, letters of other scripts. */
const gbnf: readonly { source: string; good: readonly string[]; bad: readonly string[] }[] = [
  {
    source: 'root ::= line+\n\n# no line ends\nline ::= "- " [^\\r\\n\\x0b\\u2028]+ "\\n"',
    good: ["- a\n", "- é \u{1f600}\n- - b\n"],
    bad: ["", "- \n", "- a", "- a\u2028\n", "* a\n"],
  },
  {
    source:
      'root ::= (sum "=" ws part "\\n")+\nsum ::= part ([-+*/] part)*\npart ::= name | number | "(" ws sum ")" ws\nname ::= [a-z] [a-z0-9_]* ws\nnumber ::= [0-9]+ ws\nws ::= [ \\t\\n]*',
    good: ["a+1=b\n", "( x_1 *(2-y) )\n/3 = 4\nq=1\n"],
    bad: ["a+=b\n", "a=b", "1a=2\n", "(a=b\n"],
  },
  {
    source:
      'root ::= "1. " move " " move "\\n" ([1-9] [0-9]? ". " move " " move "\\n")*\nmove ::= (pawn | piece | castle) [+#]?\npiece ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]\npawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?\ncastle ::= "O-O" "-O"?',
    good: ["1. e4 e5\n2. Nf3 Nc6\n", "1. exd8=Q+ O-O-O#\n"],
    bad: ["1. e4\n", "2. e4 e5\n", "1. e9 e5\n"],
  },
  {
    source:
      'root ::= object\nvalue ::= object | array | string | ("true" | "false" | "null") ws\nobject ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws\narray ::= "[" ws (value ("," ws value)*)? "]" ws\nstring ::= "\\"" ([^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\bfnrt] | "u" [0-9a-fA-F]{4}))* "\\"" ws\nws ::= | " " | "\\n" [ \\t]{0,20}',
    good: ['{"a": [true, {"b\\u00e9\\n": null}]}', "{}"],
    bad: ["[]", '{"a"}', '{"a": "\\x"}', '{"a": tru}'],
  },
  {
    source:
      'root ::= statement*\nstatement ::=\n    type ws name "=" ws number ";" "\\n"?\n  | "while" "(" name ")" "{" statement* "}"\n\ntype ::= ("int" | "float")\nname ::= [a-z]+ ws\nnumber ::= [0-9]{1,3}\nws ::= ([ ]+)?',
    good: ["int a = 1;\nfloat b= 22;", "while(a){while(b){int c = 3;}}", ""],
    bad: ["int a = 1234;", "while(a){", "double a = 1;"],
  },
  { source: "root ::= [あ-ん]{2} . ?", good: ["はい", "あん!"], bad: ["は", "ハイ", "はい!!"] },
];

test("GBNF: texts are told apart, and what is written at random belongs to the grammar", () => {
  for (const { source, good, bad } of gbnf) {
    const recognizer = grammar(source);
    assertTexts(recognizer, good, bad);
    const random = randomNumbers(7);
    for (let i = 0; i < 20; i++) {
      const text = sampleText(recognizer, random, 400);
      if (text !== null) assert.ok(accepts(recognizer, text), `${source}\n${text}`);
    }
  }
});

test("GBNF: a mistake is named with its line", () => {
  const cases: [source: string, message: RegExp][] = [
    ['root ::= "a\n', /Line \d of the grammar is wrong: a text is not closed/],
    ['root ::= "a" | b\nb ::= [z-a]', /Line 2 .* out of order/],
    ["other ::= [a]", /no rule 'root'/],
    ['root ::= ("a"', /'\)' is missing/],
    ["root ::= missing", /missing/],
    ["root ::= [a]{9,2}", /numbers of a repetition are out of order/],
  ];
  for (const [source, message] of cases) assert.match(faultOf(source).message, message, source);
});

const calculator = `
// sums, as in Lark's own tutorial
?start: sum
?sum: product
    | sum "+" product   -> add
    | sum "-" product   -> sub
?product: atom
    | product "*" atom  -> mul
?atom: NUMBER           -> number
     | "-" atom         -> neg
     | NAME             -> var
     | "(" sum ")"
%import common.CNAME -> NAME
%import common.NUMBER
%import common.WS_INLINE
%ignore WS_INLINE
`;

test("Lark: rules, terminals, imports, aliases, repetitions, and what is ignored", () => {
  assertTexts(
    grammar(calculator),
    ["1", " 1 + 2*x", "-(a - 3.5e2) * b_1", "1+2 "],
    ["", "1 +", "1 2", "(1", "1\n+2"],
  );
  const select = `start: "select"i " " column ("," " " column)* " from " TABLE [where]
column: /[a-z_]+/ | "*"
where: " where " column "=" DIGIT~1..3
TABLE.2: LETTER (LETTER | DIGIT)*
LETTER: "a".."z"
DIGIT: "0".."9"
`;
  assertTexts(
    grammar(select),
    ["SELECT * from t1", "select a, b_c from users where a=12"],
    ["select from t", "select a from 1t", "select a from t where a=1234", "select a  from t"],
  );
  const counted = 'start: "a"{2} "b"{1,} ("c" | "d")~2 !end?\n!end: "e"';
  assert.match(faultOf(counted).message, /'!' is not expected/);
  assertTexts(
    grammar('start: "a"{2} "b"{1,} ("c" | "d")~2 e?\ne: "\\u00e9\\""'),
    ["aabcd", 'aabbdcé"'],
    ["abcd", "aabc"],
  );
});

test("Lark: a mistake is named with its line", () => {
  const cases: [source: string, message: RegExp][] = [
    ['rule: "a"', /no rule 'start'|there is no rule 'start'/],
    ['start: "a"\n\nother "b"', /Line 3 .*':' is missing after 'other'/],
    ['start: "a" (', /'\)' is missing/],
    ["start: /a/i", /flags 'i'/],
    ["start: X\n%import python.X", /'python\.X' cannot be imported/],
    ['start: "a"\nstart: "b"', /twice/],
    ["start: missing", /missing/],
    ["start: §", /'§' is not expected here/],
    ['%override start: "a"', /'%override' is not supported/],
  ];
  for (const [source, message] of cases) assert.match(faultOf(source).message, message, source);
});

const weather = {
  type: "object",
  properties: { city: { enum: ["Paris", "Oslo"] } },
  required: ["city"],
  additionalProperties: false,
};

test("structural tags: every format, alone and inside of others", () => {
  const envelope = (format: object): object => ({ type: "structural_tag", format });
  assertTexts(tags(envelope({ type: "const_string", value: "yes" })), ["yes"], ["no", "yes "]);
  assertTexts(
    tags(envelope({ type: "json_schema", json_schema: weather })),
    ['{"city": "Oslo"}', '{"city":"Paris"}'],
    ['{"city": "Rome"}', "{}"],
  );
  assertTexts(tags(envelope({ type: "regex", pattern: "[0-9]{2}" })), ["12"], ["1", "123"]);
  assertTexts(
    tags(envelope({ type: "grammar", grammar: 'root ::= "a" | "b" root' })),
    ["a", "bba"],
    ["b", "ab"],
  );
  assertTexts(
    tags(envelope({ type: "grammar", grammar: 'start: "a" | "b" start' })),
    ["a", "bba"],
    ["b", "ab"],
  );
  const sequenceOfAll = {
    type: "sequence",
    elements: [
      { type: "const_string", value: "<think>" },
      { type: "any_text", excludes: ["</think>"] },
      { type: "const_string", value: "</think>" },
      {
        type: "or",
        elements: [
          { type: "const_string", value: "none" },
          { type: "tag", begin: "<w>", content: { type: "json_schema", json_schema: weather }, end: "</w>" },
        ],
      },
    ],
  };
  assertTexts(
    tags(envelope(sequenceOfAll)),
    ["<think>a < b</think>none", '<think></think><w>{"city": "Oslo"}</w>'],
    ["<think>a</think>", "none", '<think></think><w>{"city": "Rome"}</w>'],
  );
});

test("structural tags: free text with triggered tags, and tags with a separator", () => {
  const tag = { begin: "<w>", content: { type: "json_schema", json_schema: weather }, end: "</w>" };
  const triggered = { type: "triggered_tags", triggers: ["<w"], tags: [tag] };
  assertTexts(
    tags({ type: "structural_tag", format: triggered }),
    ["", "free < text", 'I look: <w>{"city": "Oslo"}</w> and <w>{"city":"Paris"}</w>.'],
    ["<w>", '<w>{"city": "Rome"}</w>', '<w>{"city": "Oslo"}'],
  );
  assertTexts(
    tags({ type: "structural_tag", format: { ...triggered, at_least_one: true, stop_after_first: true } }),
    ['<w>{"city": "Oslo"}</w>'],
    ["", "free text", 'I look: <w>{"city": "Oslo"}</w>', '<w>{"city": "Oslo"}</w> and more'],
  );
  // The older form, of vLLM's first versions.
  assertTexts(
    tags({ structures: [{ begin: "<w>", schema: weather, end: "</w>" }], triggers: ["<w"] }),
    ["free", 'a<w>{"city": "Oslo"}</w>b'],
    ["<w>1</w>"],
  );
  assertTexts(
    tags({
      type: "structural_tag",
      format: { type: "tags_with_separator", tags: [tag], separator: ",", at_least_one: true },
    }),
    ['<w>{"city": "Oslo"}</w>', '<w>{"city": "Oslo"}</w>,<w>{"city": "Paris"}</w>'],
    ["", '<w>{"city": "Oslo"}</w><w>{"city": "Paris"}</w>'],
  );
});

test("structural tags: repetitions, and formats behind patterns", () => {
  const a = { type: "const_string", value: "a" };
  const of = (format: object): Recognizer => tags({ type: "structural_tag", format });
  assertTexts(of({ type: "optional", content: a }), ["", "a"], ["aa"]);
  assertTexts(of({ type: "plus", content: a }), ["a", "aaa"], [""]);
  assertTexts(of({ type: "star", content: a }), ["", "aaa"], ["b"]);
  assertTexts(of({ type: "repeat", min: 2, max: 3, content: a }), ["aa", "aaa"], ["a", "aaaa"]);
  assertTexts(of({ type: "repeat", min: 2, max: -1, content: a }), ["aa", "aaaaa"], ["a"]);
  const rules = [
    ["<n>", { type: "regex", pattern: "[0-9]+;" }],
    ["<w>", { type: "json_schema", json_schema: weather }],
  ];
  assertTexts(
    of({ type: "dispatch", rules }),
    ["", "free < text", 'a<n>12;b<w>{"city": "Oslo"}c'],
    ["<n>", "<n>a;", '<w>{"city": "Rome"}'],
  );
  assertTexts(of({ type: "dispatch", rules, loop: false }), ["free", "a<n>12;"], ["a<n>12;b"]);
});

test("structural tags: what cannot be used is named", () => {
  const cases: [format: unknown, message: RegExp][] = [
    [{ type: "structural_tag", format: { type: "cfg" } }, /"cfg" is not known/],
    [{ type: "structural_tag", format: { type: "regex" } }, /pattern/],
    [
      { type: "structural_tag", format: { type: "json_schema", json_schema: { uniqueItems: true } } },
      /uniqueItems/,
    ],
    [{ type: "structural_tag", format: { type: "any_text", max_chars: 5 } }, /'max_chars' of 'any_text'/],
    [
      { type: "structural_tag", format: { type: "json_schema", json_schema: {}, style: "qwen_xml" } },
      /style "qwen_xml"/,
    ],
    [
      { type: "structural_tag", format: { type: "repeat", min: 3, max: 2, content: {} } },
      /'min' and 'max'|not known/,
    ],
    ["text", /not an object/],
  ];
  for (const [format, message] of cases)
    assert.throws(
      () => tags(format),
      (thrown) => thrown instanceof GrammarFault && message.test(thrown.message),
      JSON.stringify(format),
    );
});
