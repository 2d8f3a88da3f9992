/** @module Random templates from a seed, for comparisons: expressions over values of every type, and statements around them. */

/** Variables that the random templates name. */
export const randomVariables = {
  messages: [
    { role: "system", content: " Be brief. " },
    { role: "user", content: "Hello\nworld", n: 3 },
    {
      role: "assistant",
      content: "",
      tool_calls: [{ function: { name: "f", arguments: { a: 1, b: [true, null] } } }],
    },
  ],
  s: "Hello World, héllo 👋 x",
  e: "",
  sp: "  a b\tc \n",
  n: 7,
  z: 0,
  neg: -3,
  f: 2.5,
  big: 12345678.875,
  yes: true,
  no: false,
  nothing: null,
  l: [3, 1, 2, 1],
  w: ["b", "A", "c", "a"],
  mixed: [1, "1", null, true, 2.5, [], {}],
  d: { b: 2, a: "x", items: [1], K: null, nested: { p: { q: "deep" } } },
  rows: [
    { k: "x", v: 2, g: { i: 1 } },
    { k: "Y", v: 1, g: { i: 2 } },
    { k: "x", v: 3 },
  ],
} as const;

export class RandomTemplates {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): string {
    return this.#chance(0.5) ? `{{ ${this.#expr(3)} }}` : this.#body(3);
  }

  #body(depth: number): string {
    return Array.from({ length: 1 + this.#below(3) }, () => this.#statement(depth)).join("");
  }

  #statement(depth: number): string {
    if (depth === 0)
      return this.#pick(["x", " \n", "a\n  ", `{{ ${this.#expr(1)} }}`, `{{- ${this.#expr(0)} -}}`]);
    const [open, close] = [this.#pick(["{%", "{%-", "{%+", "{% "]), this.#pick(["%}", "-%}", " %}", "%}\n"])];
    const tag = (text: string): string => `${open} ${text} ${close}`;
    const body = (): string => this.#body(depth - 1);
    const name = this.#pick(["x", "y", "n", "s", "it"]);
    switch (this.#below(15)) {
      case 0:
        return tag(`if ${this.#expr(2)}`) + body() + tag("else") + body() + tag("endif");
      case 1:
        return tag(`if ${this.#expr(1)}`) + body() + tag(`elif ${this.#expr(1)}`) + body() + tag("endif");
      case 2:
        return tag(`for ${name} in ${this.#iterable()}`) + body() + this.#loopPart() + tag("endfor");
      case 3:
        return (
          tag(
            `for ${name} in ${this.#iterable()} if ${this.#pick([name, `${name} is defined`, "loop", this.#expr(1)])}`,
          ) +
          this.#loopPart() +
          body() +
          tag("else") +
          body() +
          tag("endfor")
        );
      case 4:
        return (
          tag(`for k, v in ${this.#pick(["d.items()", "d | dictsort", "[(1, 2), [3, 4]]", "d", "l"])}`) +
          "{{ k }}{{ v }}" +
          body() +
          tag("endfor")
        );
      case 5:
        return tag(`set ${name} = ${this.#expr(2)}`);
      case 6:
        return tag(`set ${name}${this.#pick(["", " | upper", " | trim | length"])}`) + body() + tag("endset");
      case 7:
        return (
          tag(`macro m(a, b=${this.#expr(1)})`) +
          body() +
          "{{ a }}{{ b }}" +
          this.#pick(["", "{{ caller() }}", "{{ varargs }}{{ kwargs }}"]) +
          tag("endmacro") +
          `{{ m(${this.#pick(["", "1", "1, 2", "b=3", "1, 2, 3", "a=1, c=2"])}) }}`
        );
      case 8:
        return (
          tag(`macro w()`) +
          "[{{ caller(1) }}]" +
          tag("endmacro") +
          tag("call(q) w()") +
          body() +
          "{{ q }}" +
          tag("endcall")
        );
      case 9:
        return (
          tag(`filter ${this.#pick(["upper", "trim", "replace('a', 'b')", "indent(2)", "length"])}`) +
          body() +
          tag("endfilter")
        );
      case 10:
        return tag(`with ${name} = ${this.#expr(1)}, y = ${this.#expr(1)}`) + body() + tag("endwith");
      case 11:
        return `{% set ns = namespace(c=0) %}${tag(`for i in ${this.#iterable()}`)}{% set ns.c = ns.c + ${this.#pick(["1", "loop.index", "i"])} %}${tag("endfor")}{{ ns.c }}`;
      case 12:
        return `${this.#pick(["{# c #}", "{#- c -#}", "{% raw %} {{ x }} {% endraw %}", "{%- raw -%} {% x %} {%- endraw -%}"])}\n`;
      case 13:
        return `${tag("generation")}${body()}${tag("endgeneration")}`;
      default:
        return body();
    }
  }

  #loopPart(): string {
    const condition = this.#pick(["loop.first", "loop.last", "loop.index == 2", "loop.index0 is odd"]);
    return this.#pick([
      "",
      "{{ loop.index }}/{{ loop.length }}",
      "{{ loop.revindex0 }}{{ loop.cycle('a', 'b') }}",
      "{{ loop.previtem }}|{{ loop.nextitem }}",
      "{{ loop.changed(x) }}",
      `{% if ${condition} %}{% break %}{% endif %}`,
      `{% if ${condition} %}{% continue %}{% endif %}`,
      `{% if ${condition} %}{% set y = loop.index %}{% endif %}{{ y }}`,
    ]);
  }

  #iterable(): string {
    return this.#pick([
      "l",
      "messages",
      "w",
      "rows",
      "d",
      "s",
      "e",
      "undef",
      "range(3)",
      "mixed",
      "d.items()",
      "[]",
      "l | map('string')",
      "rows | selectattr('g')",
      this.#expr(1),
    ]);
  }

  #expr(depth: number): string {
    if (depth <= 0) return this.#atom();
    const inner = (): string => this.#expr(depth - 1);
    switch (this.#below(17)) {
      case 0:
        return `${this.#number(depth - 1)} ${this.#pick(["+", "-", "*", "/", "//", "%", "**", "~"])} ${this.#number(depth - 1)}`;
      case 1:
        return `(${inner()} ${this.#pick(["==", "!=", "in", "not in", "==", "~"])} ${inner()})`;
      case 2:
        return `${inner()} ${this.#pick(["and", "or"])} ${inner()}`;
      case 3:
        return this.#pick([
          `not ${inner()}`,
          `-${this.#number(depth - 1)}`,
          `(${this.#number(0)} < ${this.#number(0)} <= ${this.#number(0)})`,
        ]);
      case 4:
        return `(${inner()} if ${inner()}${this.#pick([` else ${inner()}`, ""])})`;
      case 5:
        return `${this.#pick(["s", "l", "w", "messages", "d", "rows", "e", "undef", "mixed", "'abc'"])}${this.#subscript()}`;
      case 6:
        return `(${inner()} is ${this.#pick(tests)})`;
      case 7:
        return `${this.#text(depth - 1)} | ${this.#pick(textFilters)}`;
      case 8:
      case 9:
        return `${this.#list(depth - 1)} | ${this.#pick(listFilters)}`;
      case 10:
        return `${inner()} | ${this.#pick(valueFilters)}`;
      case 11:
      case 12:
        return `${this.#text(depth - 1)}.${this.#pick(textMethods)}`;
      case 13:
        return `${this.#pick(["d", "rows[0]", "{}", "l", "(1, 2)", "messages[1]", "d.nested", "n", "f"])}.${this.#pick(otherMethods)}`;
      case 14:
        return this.#pick([
          `[${inner()}, ${inner()}]`,
          `(${inner()}, ${inner()})`,
          `{'a': ${inner()}, 1: ${inner()}}`,
          `(${inner()},)`,
        ]);
      case 15:
        return `(${inner()} | ${this.#pick([...textFilters, ...listFilters, ...valueFilters])})`;
      default:
        return this.#format();
    }
  }

  /** Mostly a text. */
  #text(depth: number): string {
    if (this.#chance(0.08)) return this.#atom();
    if (depth > 0 && this.#chance(0.4))
      return `(${this.#text(depth - 1)}.${this.#pick(textMethods)} | string)`;
    return this.#pick([
      "s",
      "e",
      "sp",
      "'a,b,,c'",
      "'ABC def'",
      "messages[1].content",
      "'it\\'s'",
      "'12'",
      "'-4.50'",
      "' x '",
      "'<a href=\"x\">T &amp; t</a>'",
      "'ǆ ß ﬁ İ'",
      "'x\\ny\\n'",
    ]);
  }

  /** Mostly a list or a dictionary. */
  #list(depth: number): string {
    if (this.#chance(0.08)) return this.#atom();
    if (depth > 0 && this.#chance(0.3)) return `(${this.#list(depth - 1)} | list)`;
    return this.#pick([
      "l",
      "w",
      "rows",
      "messages",
      "mixed",
      "d",
      "[]",
      "range(5)",
      "s",
      "(3, 1)",
      "d.items()",
      "undef",
      "rows | map(attribute='v')",
      "[1, 2.5, -3]",
      "['a', 'B']",
    ]);
  }

  /** Mostly a number. */
  #number(depth: number): string {
    if (this.#chance(0.08)) return this.#atom();
    if (depth > 0 && this.#chance(0.3))
      return `(${this.#number(depth - 1)} ${this.#pick(["+", "-", "*", "/", "//", "%"])} ${this.#number(depth - 1)})`;
    return this.#pick([
      "n",
      "neg",
      "f",
      "big",
      "1",
      "2",
      "3",
      "-1",
      "1.0",
      "0.1",
      "1e3",
      "1e16",
      "1e-5",
      "0x1F",
      "1_000",
      "yes",
      "l[0]",
      "l | length",
      "2 ** 70",
      "-7.25",
      "10",
      "s | length",
    ]);
  }

  #format(): string {
    const value = this.#atom();
    const percent = this.#pick([
      "%s",
      "%r",
      "%d",
      "%5.2f",
      "%-6s|",
      "%05d",
      "%x",
      "%e",
      "%g",
      "%+d",
      "%%",
      "%(a)s",
      "%.3s",
      "%c",
      "%i%%",
    ]);
    const spec = this.#pick([
      "",
      ":>8",
      ":<8",
      ":^9",
      ":*^9",
      ":05d",
      ":.2f",
      ":,",
      ":e",
      ":g",
      ":%",
      ":+",
      ":x",
      "!r",
      "!s:>6",
      ":.3",
      ":10.3f",
      ":08.2f",
      ":_",
      ":b",
      ":#x",
      "[a]",
      ".b",
      ":d",
    ]);
    return this.#pick([
      `('${percent}' % ${value})`,
      `('${percent}' % (${value}, ))`,
      `'{${spec}}'.format(${value})`,
      `'{0${spec}}{1}'.format(${value}, n)`,
      `'${percent}' | format(${value})`,
    ]);
  }

  #subscript(): string {
    return this.#pick([
      "[0]",
      "[-1]",
      "[1:]",
      "[:-1]",
      "[::-1]",
      "[::2]",
      "[5:1:-2]",
      "['a']",
      "['items']",
      ".a",
      ".items",
      ".nested.p.q",
      ".role",
      "[n]",
      "[undef]",
      "['k'][0]",
      "[1:3]",
      "[none]",
      "[99]",
      ".0",
      "[true]",
    ]);
  }

  #atom(): string {
    return this.#pick(atoms);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T;
  }

  #chance(probability: number): boolean {
    return this.#below(1000) < probability * 1000;
  }

  /** Numerical Recipes' linear congruential generator, its upper bits. */
  #below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }
}

const atoms: readonly string[] = [
  ...[
    "s",
    "e",
    "sp",
    "n",
    "z",
    "neg",
    "f",
    "big",
    "yes",
    "no",
    "nothing",
    "l",
    "w",
    "mixed",
    "d",
    "rows",
    "messages",
  ],
  ...[
    "undef",
    "none",
    "true",
    "False",
    "0",
    "1",
    "2",
    "-1",
    "1.0",
    "0.1",
    "1e3",
    "1e16",
    "1e-5",
    "0x1F",
    "1_000",
    "'a'",
    "''",
  ],
  ...[
    "'it\\'s'",
    '"q\\"\'"',
    "'a,b,,c'",
    "'tab\\tx\\n'",
    "'\\u00e9\\x41'",
    "'a' 'b'",
    "' x '",
    "[]",
    "{}",
    "()",
    "[1, 2]",
  ],
  ...[
    "(1, 'a')",
    "range(4)",
    "d.nested",
    "messages[0]",
    "messages[-1].content",
    "dict(a=1)",
    "'%s'",
    "'12'",
    "'3.7'",
    "'ABC def'",
  ],
  ...[
    "loop",
    "l[0]",
    "rows[0].k",
    "d['b']",
    "namespace(a=1).a",
    "true and s",
    "cycler('a', 'b').next()",
    "2 ** 70",
    "1 // 3",
  ],
];

const tests: readonly string[] = [
  ...[
    "defined",
    "undefined",
    "none",
    "not none",
    "string",
    "number",
    "integer",
    "float",
    "boolean",
    "mapping",
    "sequence",
  ],
  ...[
    "iterable",
    "callable",
    "odd",
    "even",
    "divisibleby 2",
    "divisibleby(3)",
    "true",
    "false",
    "lower",
    "upper",
    "in l",
  ],
  ...[
    "in [1, 'a', none]",
    "eq 1",
    "ne 'a'",
    "lt 2",
    "ge(1)",
    "equalto('')",
    "sameas none",
    "escaped",
    "filter",
    "test",
    "not defined",
  ],
];

const textFilters: readonly string[] = [
  ...[
    "length",
    "count",
    "upper",
    "lower",
    "trim",
    "trim('a ')",
    "title",
    "capitalize",
    "string",
    "list",
    "first",
    "last",
    "reverse",
  ],
  ...[
    "join('-')",
    "int",
    "int(5)",
    "int(0, 16)",
    "float",
    "float(1.5)",
    "replace('l', 'L')",
    "replace('a', 'b', 1)",
    "replace('', '-')",
  ],
  ...[
    "indent",
    "indent(2, true)",
    "indent(width='> ', blank=true)",
    "truncate(8)",
    "truncate(5, true, '')",
    "truncate(6, leeway=0)",
  ],
  ...[
    "wordcount",
    "center(12)",
    "urlencode",
    "e",
    "escape",
    "safe",
    "forceescape",
    "striptags",
    "tojson",
    "tojson(ensure_ascii=true)",
  ],
  ...[
    "unique | list",
    "sort",
    "map('upper') | join",
    "select('lower') | list",
    "batch(3) | list",
    "default('D')",
    "e | upper ~ '<'",
  ],
];

const listFilters: readonly string[] = [
  ...[
    "length",
    "list",
    "first",
    "last",
    "reverse | list",
    "sort",
    "sort(reverse=true)",
    "sort(attribute='v')",
    "sort(attribute='k,v')",
  ],
  ...[
    "sort(case_sensitive=true)",
    "join",
    "join(', ')",
    "join('-', attribute='k')",
    "unique | list",
    "unique(attribute='k') | list",
  ],
  ...[
    "min",
    "max",
    "min(attribute='v')",
    "sum",
    "sum(attribute='v')",
    "sum(start=10)",
    "map('string') | list",
    "map('upper') | list",
  ],
  ...[
    "map(attribute='k') | join",
    "map(attribute='g.i', default='-') | list",
    "map('default', 'z') | join",
    "select | list",
  ],
  ...[
    "select('string') | list",
    "reject('none') | list",
    "selectattr('v', 'gt', 1) | list",
    "rejectattr('g') | list",
    "selectattr('role', 'equalto', 'user') | list | length",
  ],
  ...[
    "select('in', [1, 'a']) | list",
    "groupby('k') | list",
    "groupby('k', case_sensitive=true) | list",
    "groupby('v', default=0) | map('first') | list",
  ],
  ...[
    "batch(2) | list",
    "batch(2, 'x') | list",
    "slice(2) | list",
    "slice(3, 0) | list",
    "dictsort",
    "dictsort(by='value')",
    "dictsort(true)",
  ],
  ...[
    "items | list",
    "tojson",
    "tojson(indent=2)",
    "tojson(sort_keys=true)",
    "tojson(separators=(',', ':'))",
    "string",
    "urlencode",
    "xmlattr",
  ],
];

const valueFilters: readonly string[] = [
  ...[
    "default('D')",
    "default('D', true)",
    "d('x')",
    "int",
    "float",
    "abs",
    "round",
    "round(1)",
    "round(2, 'floor')",
    "round(1, 'ceil')",
  ],
  ...[
    "round(-1)",
    "tojson",
    "tojson(indent=1)",
    "string",
    "string | length",
    "filesizeformat",
    "filesizeformat(true)",
    "e",
    "list",
    "pprint",
  ],
  ...["attr('real')", "format(1)", "upper", "trim", "length"],
];

const textMethods: readonly string[] = [
  ...[
    "strip()",
    "lstrip()",
    "rstrip()",
    "strip('Hx ')",
    "upper()",
    "lower()",
    "title()",
    "capitalize()",
    "swapcase()",
    "casefold()",
  ],
  ...[
    "split()",
    "split(' ')",
    "split(',', 1)",
    "split('l')[0]",
    "split(maxsplit=1)",
    "rsplit(None, 1)",
    "rsplit('l', 1)",
    "splitlines()",
    "splitlines(true)",
  ],
  ...[
    "startswith('H')",
    "startswith(('a', 'H'))",
    "endswith('x')",
    "startswith('e', 1)",
    "find('o')",
    "rfind('o')",
    "find('o', 6)",
    "find('', 99)",
  ],
  ...[
    "index('l')",
    "count('l')",
    "count('')",
    "replace('l', 'LL')",
    "replace('l', '', 1)",
    "join(w)",
    "join('abc')",
    "partition(' ')",
    "count('l', 4, -2)",
  ],
  ...[
    "rpartition('o')",
    "removeprefix('He')",
    "removesuffix('x')",
    "zfill(8)",
    "center(11, '*')",
    "ljust(10, '.')",
    "rjust(10)",
    "rindex('o')",
  ],
  ...[
    "isdigit()",
    "isalpha()",
    "isalnum()",
    "isupper()",
    "islower()",
    "isspace()",
    "istitle()",
    "isnumeric()",
    "isdecimal()",
    "isidentifier()",
  ],
  ...[
    "expandtabs(4)",
    "format(1, a=2)",
    "isprintable()",
    "isascii()",
    "nope",
    "__class__",
    "rsplit()",
    "endswith('d', 0, 5)",
    "rsplit(' ')",
  ],
];

const otherMethods: readonly string[] = [
  ...[
    "items()",
    "keys()",
    "values()",
    "get('a')",
    "get('zz', 'no')",
    "get(1)",
    "items() | list",
    "keys() | list",
    "copy()",
    "index(1)",
  ],
  ...[
    "count(1)",
    "append(1)",
    "pop()",
    "update({})",
    "real",
    "imag",
    "__class__",
    "nope",
    "nope()",
    "a",
    "k",
    "content",
    "_x",
    "bit_length()",
  ],
  ...["values() | first", "items() | first", "nested.p", "get('nested').p.q", "b + 1"],
];
