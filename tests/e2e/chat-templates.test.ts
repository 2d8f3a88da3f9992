/** @module Chat templates through HTTP: the server's, the request's, and what is said of each that gives no prompt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaProcess, runToEnd, tinyModel } from "../../src/cli/testing/pagoda-process.ts";

interface Answer {
  readonly status: number;
  readonly body: {
    readonly tokens?: readonly number[];
    readonly error?: { readonly message: string; readonly param: string | null };
  };
}

const serving = (...flags: readonly string[]) => [
  ...["serve", tinyModel, "--backend", "reference", "--port", "0"],
  ...flags,
];
const messages = [{ role: "user", content: "a" }];
const spelled = "{% for m in messages %}{{ m.content }}b{% endfor %}{{ mood }}";

async function post(url: string, path: string, body: object): Promise<Answer> {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

/** The token ids that a text has in the model's vocabulary. */
async function idsOf(url: string, prompt: string): Promise<readonly number[] | undefined> {
  return (await post(url, "/tokenize", { prompt, add_special_tokens: false })).body.tokens;
}

test("--chat-template renders chats; a request's own template is refused without --trust-request-chat-template", async (t) => {
  const pagoda = new PagodaProcess(t, serving("--chat-template", spelled));
  const url = await pagoda.ready();
  const rendered = await post(url, "/tokenize", { messages, chat_template_kwargs: { mood: "c" } });
  assert.deepEqual(rendered.body.tokens, await idsOf(url, "abc"));
  const refused = await post(url, "/v1/chat/completions", { messages, max_tokens: 1, chat_template: "x" });
  assert.deepEqual([refused.status, refused.body.error?.param], [400, "chat_template"]);
  assert.match(JSON.stringify(refused.body.error), /--trust-request-chat-template/);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

test("with --trust-request-chat-template a request's template is used, bounded, and its faults are told apart", async (t) => {
  const pagoda = new PagodaProcess(t, serving("--trust-request-chat-template"));
  const url = await pagoda.ready();
  const rendered = await post(url, "/tokenize", { messages, chat_template: spelled });
  assert.deepEqual(rendered.body.tokens, await idsOf(url, "ab"));
  const faults: readonly (readonly [template: string, message: RegExp])[] = [
    ["{{ raise_exception('No.') }}", /refuses these messages: No\. /],
    ["{{ messages[0].a.b }}", /^These messages do not fit/],
    ["{% if %}", /^This server cannot run the 'chat_template' of the request: line 1/],
    ["{{ 'a' * 10 ** 9 }}", /^This server cannot run/],
    [
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      /^This server cannot run/,
    ],
  ];
  for (const [template, message] of faults) {
    const fields = { messages, max_tokens: 1, chat_template: template };
    const { status, body } = await post(url, "/v1/chat/completions", fields);
    assert.equal(status, 400, template);
    assert.match(body.error?.message ?? "", message, template);
  }
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

test("a number of a tool is an integer or a float to the template as the request wrote it", async (t) => {
  const kinds =
    "{% for tool in tools %}{{ 'a' if tool.function.parameters.default is float else 'b' }}{% endfor %}";
  const pagoda = new PagodaProcess(t, serving("--chat-template", kinds));
  const url = await pagoda.ready();
  const tools = ["1.0", "1", "2e3"].map(
    (number) => `{"type": "function", "function": {"name": "f", "parameters": {"default": ${number}}}}`,
  );
  const response = await fetch(`${url}/tokenize`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"messages": ${JSON.stringify(messages)}, "tools": [${tools}]}`,
  });
  const { tokens } = (await response.json()) as { tokens: readonly number[] };
  assert.deepEqual(tokens, await idsOf(url, "aba"));
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

test("a template that does not parse, or a file that is not there, stops the start", async (t) => {
  for (const [template, message] of [
    ["{% if %}", /--chat-template does not parse: line 1/],
    ["nowhere.jinja", /nowhere\.jinja does not exist/],
  ] as const) {
    const { code, stderr } = await runToEnd(t, serving("--chat-template", template));
    assert.notEqual(code, 0);
    assert.match(stderr, message);
  }
});
