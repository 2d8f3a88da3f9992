import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import type { ChatMessage } from "../../core/generation.ts";
import { loadModelFiles } from "../model-files.ts";
import { wantedFiles } from "../source/hub/wanted-files.ts";
import { realModelPath, skipWithoutRealModel, smollmReference } from "../testing/fixtures.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyByteLevelGguf } from "../testing/tiny-gguf.ts";
import { type ChatPrompt, ChatTemplate } from "./chat-template.ts";
import { templateFromFolder } from "./find-template.ts";
import { statedTemplate } from "./stated-template.ts";

const basic: ChatPrompt = {
  messages: [{ role: "user", content: "Hi" }],
  addGenerationPrompt: true,
  continueFinalMessage: false,
  tools: null,
  templateVariables: {},
};

function template(text: string, tools: string | null = null): ChatTemplate {
  return new ChatTemplate({ text, tools }, { bos_token: "<s>", eos_token: "</s>" }, "test");
}

function refuses(code: string, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof PagodaError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

interface Chat {
  readonly messages: readonly ChatMessage[];
  readonly prompt: string;
  readonly prompt_ids: readonly number[];
}

test("the default model's reference chats render and tokenize exactly", {
  skip: skipWithoutRealModel,
}, () => {
  const { chatTemplate, tokenizer } = loadModelFiles({ kind: "gguf", path: realModelPath });
  const chats = smollmReference("greedy");
  assert.ok(Array.isArray(chats) && chats.length > 0);
  for (const { messages, prompt, prompt_ids: ids } of chats as readonly Chat[]) {
    assert.equal(chatTemplate?.render({ ...basic, messages }), prompt);
    assert.deepEqual(tokenizer.encode(prompt, { addSpecialTokens: false }), ids);
  }
});

test("variables: special tokens, generation prompt, extra ones, tools' own template", () => {
  const text =
    "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ mood }}{% if add_generation_prompt %}>{% endif %}";
  assert.equal(template(text).render({ ...basic, templateVariables: { mood: "!" } }), "<s>Hi</s>!>");
  assert.equal(template(text).render({ ...basic, addGenerationPrompt: false }), "<s>Hi</s>");
  const both = template("plain", "{{ tools | length }} tools");
  assert.equal(both.render(basic), "plain");
  assert.equal(both.render({ ...basic, tools: [{ a: 1 }, {}] }), "2 tools");
});

test("strftime_now writes the date in digits and English words", () => {
  const text = template("{{ strftime_now('%Y-%m-%d') }}|{{ strftime_now('%d %b %Y') }}").render(basic);
  assert.match(text, /^\d{4}-\d\d-\d\d\|\d\d [A-Z][a-z]{2} \d{4}$/);
});

test("text parts go as a list to a template that loops over them, and a line each to one that does not", () => {
  const parts = [
    { type: "text", text: " one " },
    { type: "text", text: "two" },
  ] as const;
  const chat = { ...basic, messages: [{ role: "user", content: parts }] };
  const part =
    "{% if content is string %}{{ content }}{% else %}{% for p in content %}{{ p.text | trim }}{% endfor %}{% endif %}";
  const looping = [
    // Gemma 3's way
    `{% for m in messages %}${part.replaceAll("content", "m['content']")}{% endfor %}`,
    `{% macro show(content) %}${part}{% endmacro %}{% for m in messages %}{{ show(m.content) }}{% endfor %}`,
    `{% for m in messages %}{% set text = m.content %}${part.replaceAll("content", "text")}{% endfor %}`,
    "{% for m in messages %}{% for p in m.content if p.type == 'text' %}{{ p.text | trim }}{% endfor %}{% endfor %}",
  ];
  for (const text of looping) assert.equal(template(text).render(chat), "onetwo", text);
  const plain =
    "{% for m in messages %}{{ m.content | trim }}{% for l in m.content.split('n') %}.{% endfor %}{% endfor %}";
  assert.equal(template(plain).render(chat), "one \ntwo..");
  for (const text of [looping[0] ?? "", plain]) assert.equal(template(text).render(basic).slice(0, 2), "Hi");
  const open = template(`${looping[0]}<end>`).render({ ...chat, continueFinalMessage: true });
  assert.equal(open, "onetwo");
});

test("continue_final_message leaves the last message open", () => {
  const text =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
  const messages = [
    { role: "user", content: "Say it" },
    { role: "assistant", content: "Well, " },
  ];
  const open = template(text).render({ ...basic, messages, continueFinalMessage: true });
  assert.equal(open, "[user]Say it<end>[assistant]Well, ");
  assert.throws(
    () => template("nothing").render({ ...basic, messages, continueFinalMessage: true }),
    refuses("invalid_request", /changes the last message/),
  );
});

test("a template's own refusal reaches the caller in its words", () => {
  const strict = template("{{ raise_exception('roles must alternate') }}");
  assert.throws(() => strict.render(basic), refuses("invalid_request", /roles must alternate/));
});

test("a template that does not parse fails chats, not the start", () => {
  assert.throws(
    () => template("{% if %}").render(basic),
    refuses("invalid_request", /^This server cannot run the model's chat template, in test: line 1: .+\.$/),
  );
  const onlyTools = template("plain", "{% for %}");
  assert.equal(onlyTools.render(basic), "plain");
  assert.throws(
    () => onlyTools.render({ ...basic, tools: [] }),
    refuses("invalid_request", /^This server cannot run/),
  );
});

test("a message says who cannot go on: the template, its author, or this server", () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    [
      "{{ raise_exception('Only\\nusers') }}",
      /^The model's chat template refuses these messages: Only users\.$/,
    ],
    ["{{ 1 + none }}", /^These messages do not fit .+: unsupported operand type.+ \(TypeError\)\.$/],
    ["{{ nothing() }}", /^These messages do not fit .+: 'nothing' is undefined \(UndefinedError\)\.$/],
    ["{{ messages[0].a.b }}", /^These messages do not fit .+: 'dict object' has no attribute 'a' /],
    ["{{ range(999999999) }}", /^These messages do not fit .+ at most 100000 /],
    ["{{ messages | nothing }}", /^This server cannot run .+ in test: line 1: No filter named 'nothing'\.$/],
    ["{% include 'x' %}", /^This server cannot run .+ other templates/],
    ["{{ 'x' | urlize }}", /^This server cannot run .+ 'urlize' is not supported\.$/],
  ];
  for (const [text, message] of cases)
    assert.throws(() => template(text).render(basic), refuses("invalid_request", message), text);
});

test("a folder's template: a file, named ones in a list or a folder, the old JSON file", (t) => {
  const withTools = { ...basic, tools: [{}] };
  const folder = temporaryFolder(t);
  assert.equal(templateFromFolder(folder, {}), null);
  writeFileSync(join(folder, "chat_template.json"), JSON.stringify({ chat_template: "of JSON" }));
  assert.equal(templateFromFolder(folder, {})?.render(basic), "of JSON");
  const list = [
    { name: "tool_use", template: "with tools" },
    { name: "default", template: "{{ bos_token }}" },
  ];
  for (const templates of [list, { default: "{{ bos_token }}", tool_use: "with tools" }]) {
    const named = templateFromFolder(folder, { chat_template: templates, bos_token: { content: "<b>" } });
    assert.equal(named?.render(basic), "<b>");
    assert.equal(named?.render(withTools), "with tools");
  }
  writeFileSync(join(folder, "chat_template.jinja"), "own file");
  const own = templateFromFolder(folder, { chat_template: list });
  assert.deepEqual([own?.render(basic), own?.render(withTools)], ["own file", "own file"]);
  mkdirSync(join(folder, "additional_chat_templates"));
  writeFileSync(join(folder, "additional_chat_templates", "tool_use.jinja"), "own tools");
  const both = templateFromFolder(folder, { chat_template: list });
  assert.deepEqual([both?.render(basic), both?.render(withTools)], ["own file", "own tools"]);
  assert.throws(
    () => templateFromFolder(temporaryFolder(t), { chat_template: [{ name: "default" }] }),
    refuses("model_invalid", /'chat_template' is not a text/),
  );
});

test("every file of a chat template is among those that a hub's repository is asked for", () => {
  const templates = [
    "chat_template.jinja",
    "chat_template.json",
    "additional_chat_templates/rag.jinja",
    "additional_chat_templates/tool_use.jinja",
  ];
  const others = ["additional_chat_templates/README.md", "old/additional_chat_templates/x.jinja"];
  const names = ["config.json", "model.safetensors", ...templates, ...others];
  const wanted = wantedFiles("a/b", names, null).fileNames;
  assert.deepEqual([...wanted].sort(), ["config.json", "model.safetensors", ...templates].sort());
});

test("a template beside a GGUF file is used in place of the file's own, and the log says so", (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "m.gguf");
  writeFileSync(path, tinyByteLevelGguf());
  const before = loadModelFiles({ kind: "gguf", path });
  assert.deepEqual(
    before.notes.filter((note) => /chat template/.test(note)),
    [],
  );
  writeFileSync(join(folder, "chat_template.jinja"), "beside");
  const { chatTemplate, notes } = loadModelFiles({ kind: "gguf", path });
  assert.equal(chatTemplate?.render(basic), "beside");
  assert.ok(notes.some((note) => /chat_template\.jinja/.test(note)));
  const stated = loadModelFiles({ kind: "gguf", path }, statedTemplate("{{ 'stated' }}"));
  assert.equal(stated.chatTemplate?.render({ ...basic, tools: [{}] }), "stated");
});

test("--chat-template takes a file or a template, and refuses what is neither or does not parse", (t) => {
  const path = join(temporaryFolder(t), "t.jinja");
  writeFileSync(path, "of a {{ 'file\\n' }}");
  const render = (text: string): string =>
    new ChatTemplate({ text: statedTemplate(text).text, tools: null }, {}, "t").render(basic);
  assert.equal(render(path), "of a file\n");
  assert.equal(render("{% for m in messages %}{{ m.role }}é\\n{% endfor %}"), "useré\n");
  assert.throws(() => statedTemplate("/nowhere.jinja"), refuses("invalid_option", /does not exist/));
  assert.throws(
    () => statedTemplate("{{"),
    refuses("invalid_option", /--chat-template does not parse: line 1/),
  );
});

test("a request's template is used in place of the model's, and one that does not parse is the request's fault", () => {
  const ofModel = template("of the model");
  assert.equal(
    ofModel.render({ ...basic, chatTemplate: "{{ bos_token }}{{ messages[0].content }}" }),
    "<s>Hi",
  );
  assert.equal(ofModel.render({ ...basic, chatTemplate: null }), "of the model");
  for (let i = 0; i < 20; i++) assert.equal(ofModel.render({ ...basic, chatTemplate: `${i}` }), `${i}`);
  assert.throws(
    () => ofModel.render({ ...basic, chatTemplate: "{% if" }),
    refuses("invalid_request", /^This server cannot run the 'chat_template' of the request: line 1/),
  );
  const without = new ChatTemplate(null, {}, "test");
  assert.equal(without.render({ ...basic, chatTemplate: "x" }), "x");
  assert.throws(() => without.render(basic), refuses("invalid_request", /no chat template/));
});

test("a text becomes one part where the template loops over the content of messages, as vLLM finds", () => {
  const text = [{ role: "user", content: "Hi" }];
  const show = "{% for part in message.content %}<{{ part.text }}>{% endfor %}";
  const loops = [
    `{% for message in messages %}${show}{% endfor %}`,
    `{% for message in messages[0:] | list %}${show.replace(".content", "['content'] | list")}{% endfor %}`,
    `{% set rest = messages %}{% set more = rest[0:] %}{% for message in more %}${show}{% endfor %}`,
  ];
  for (const source of loops)
    assert.equal(template(source).render({ ...basic, messages: text }), "<Hi>", source);
  const others = [
    "{% for m in messages %}{% for part in m.content %}{{ part }}.{% endfor %}{% endfor %}",
    "{% macro show(content) %}{% for part in content %}{{ part }}.{% endfor %}{% endmacro %}{% for m in messages %}{{ show(m.content) }}{% endfor %}",
    "{% for m in messages %}{{ m.content }}{% endfor %}",
  ];
  assert.deepEqual(
    others.map((source) => template(source).render({ ...basic, messages: text })),
    ["{'type': 'text', 'text': 'Hi'}.", "H.i.", "Hi"],
  );
});

test("an empty last message can be gone on with, and one that the template trims ends trimmed", () => {
  const source = "{% for m in messages %}[{{ m.content }}]{% endfor %}";
  const open = (text: string, content: string): string =>
    template(text).render({
      ...basic,
      messages: [{ role: "assistant", content }],
      continueFinalMessage: true,
    });
  assert.equal(open(source, ""), "[");
  assert.equal(open(source, " a \n"), "[ a \n");
  assert.equal(open(source.replace("m.content", "m.content | trim"), " a \n"), "[a");
});
