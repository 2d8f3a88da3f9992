import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseJson } from "../../../core/json/numbers.ts";
import { templateLimits } from "../chat-template.ts";
import { JinjaTemplate } from "./template.ts";
import { PythonError, TemplateLimitError, TemplateSyntaxError } from "./values/errors.ts";

const fixtures = join(import.meta.dirname, "../../../../tests/fixtures/chat-templates");

interface Case {
  readonly name: string;
  readonly template: string;
  readonly messages: readonly unknown[];
  readonly expected: string;
}

function rendered(template: string, variables: Readonly<Record<string, unknown>> = {}): string {
  return new JinjaTemplate(template).render(variables, templateLimits);
}

test("templates that a JavaScript interpreter rendered wrongly are rendered as Python does", () => {
  const lines = readFileSync(join(fixtures, "templates.jsonl"), "utf8").trim().split("\n");
  assert.equal(lines.length, 13);
  for (const line of lines) {
    const { name, template, messages, expected }: Case = JSON.parse(line);
    assert.equal(rendered(template, { messages, add_generation_prompt: true }), expected, name);
  }
});

/** `error` is the name of the exception's type in Python. */
interface Semantics {
  readonly kind: string;
  readonly template: string;
  readonly text?: string;
  readonly error?: string;
}

test("every construct gives what transformers' environment gives for it, its errors included", () => {
  const [first = "{}", ...lines] = readFileSync(join(fixtures, "semantics.jsonl"), "utf8").trim().split("\n");
  const { variables } = parseJson(first) as { variables: Record<string, unknown> };
  assert.ok(lines.length > 120);
  for (const line of lines) {
    const { kind, template, text, error }: Semantics = JSON.parse(line);
    const outcome = outcomeOf(template, variables);
    const label = `${kind}: ${template}: ${outcome}`;
    if (error === undefined) assert.equal(outcome, text, label);
    else assert.ok(outcome instanceof Error && errorNames(outcome).includes(error), label);
  }
});

/** What Jinja names otherwise: Python compiles what it makes of a template, and `include` asks for a loader. */
const pythonNames: Readonly<Record<string, readonly string[]>> = {
  TemplateSyntaxError: ["TemplateSyntaxError", "TemplateAssertionError", "SyntaxError"],
  TemplateRefusal: ["TemplateError"],
  TemplateLimitError: ["TypeError"],
};

function errorNames(error: Error): readonly string[] {
  return error instanceof PythonError ? [error.type] : (pythonNames[error.name] ?? []);
}

function outcomeOf(template: string, variables: Readonly<Record<string, unknown>>): unknown {
  try {
    const date = new Date(2026, 2, 5, 14, 7, 9);
    return new JinjaTemplate(template).render(variables, templateLimits, () => date);
  } catch (cause) {
    return cause;
  }
}

test("a template that nests too deep is refused by name", () => {
  const deep = [
    `{{ ${"(".repeat(20_000)}1${")".repeat(20_000)} }}`,
    `{{ ${"[".repeat(20_000)}${"]".repeat(20_000)} }}`,
    `{{ ${"not ".repeat(20_000)}1 }}`,
    `{{ ${"-".repeat(20_000)}1 }}`,
    `{{ 1${" + 1".repeat(20_000)} }}`,
    `{{ a${".b".repeat(20_000)} }}`,
    `{{ a${" | trim".repeat(20_000)} }}`,
    `{{ ${"1 if 1 else ".repeat(20_000)}1 }}`,
    `${"{% if 1 %}".repeat(20_000)}${"{% endif %}".repeat(20_000)}`,
    `${"{% for a in b %}".repeat(20_000)}${"{% endfor %}".repeat(20_000)}`,
  ];
  for (const source of deep)
    assert.throws(
      () => new JinjaTemplate(source),
      (error) => error instanceof TemplateSyntaxError && /nests/.test(error.message),
      source.slice(0, 30),
    );
  assert.equal(rendered(`{{ 1${" ~ 1".repeat(20_000)} }}`).length, 20_001);
});

test("a render is bounded in steps, text, calls and numbers", () => {
  const limits = { ...templateLimits, baseSteps: 400_000 };
  const endless = [
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(x='ab') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "{{ 'a' * 999999999 }}",
    "{{ [0] * 999999999 }}",
    "{{ 'a'.ljust(999999999) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '{:999999999}'.format(1) }}",
    "{{ 'aaaaaaaaaaaa'.replace('a', 'b' * 4000000) }}",
    "{{ 9 ** 99999999 }}",
    "{% for a in range(99999) %}{% set b = 3 ** 10000 * 3 ** 100 %}{% endfor %}",
    "{{ '{:099999999,}'.format(1) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
    "{% set ns = namespace(x=[], y=[]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
    "{% set ns = namespace(x=[]) %}{% for a in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
  ];
  for (const source of endless)
    assert.throws(() => new JinjaTemplate(source).render({}, limits), TemplateLimitError, source);
});

test("long numbers are written and read as Python does, whatever digits are asked for", () => {
  assert.equal(
    rendered("{{ ('%.70000f' % 0.5) | length }}|{{ ('%.70000e' % 0.5) | length }}"),
    "70002|70006",
  );
  assert.equal(
    rendered("{{ '{:013,}|{:04,}|{:,}|{:_x}'.format(1234, 1, 1234567, 123456789) }}"),
    "0,000,001,234|0,001|1,234,567|75b_cd15",
  );
  assert.equal(rendered("{{ ('9' * 5000) | int(7) }} {{ ('9' * 4000) | int | string | length }}"), "7 4000");
  assert.throws(
    () => rendered("{{ '{:d}'.format(2 ** 15000) }}"),
    (error) => error instanceof PythonError && error.type === "ValueError",
  );
});

test("numbers of JSON are integers or floats as they were written", () => {
  const json = '{"v": {"a": 1.0, "b": [1, -0.0, 1e3, 12345678901234567890], "c": 0.5, "d": 7}}';
  const template = "{{ v | tojson }} {{ v.a }} {{ v.a is float }} {{ v.b[3] + 1 }}";
  assert.equal(
    rendered(template, parseJson(json) as Record<string, unknown>),
    '{"a": 1.0, "b": [1, -0.0, 1000.0, 12345678901234567890], "c": 0.5, "d": 7} 1.0 True 12345678901234567891',
  );
});
