/**
 * Records how published chat templates write a turn of the assistant that calls functions: what a model that was trained on
 * the template writes, and what our parsers must read.
 *
 *     node scripts/record-answer-turns.ts FOLDER > tests/fixtures/api/answer-turns.jsonl
 *
 * FOLDER holds templates (`*.jinja`), such as models/templates of llama.cpp. Of them only the turns and the names are recorded.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PagodaError } from "../src/core/errors.ts";
import type { ChatMessage } from "../src/core/generation.ts";
import { answerFormatOf } from "../src/model/chat-template/answer-format.ts";
import { ChatTemplate } from "../src/model/chat-template/chat-template.ts";

const tools = [
  {
    type: "function" as const,
    function: {
      name: "get_weather",
      description: "The weather of a city.",
      parameters: {
        type: "object",
        properties: {
          city: { type: "string", description: "The city." },
          days: { type: "integer", description: "How many days." },
          exact: { type: "boolean", description: "Whether it matters." },
          hours: { type: "array", items: { type: "integer" }, description: "Which hours." },
        },
        required: ["city"],
      },
    },
  },
];
const calls = [
  { city: "Paris", days: 2, exact: true },
  { city: 'Sankt Gallen, "oben"', hours: [7, 19] },
];
/** Marks at which a generation ends, wherever the template writes them. */
const ends = [
  "<|END_OF_TURN_TOKEN|>",
  "<|START_OF_TURN_TOKEN|>",
  "<｜end▁of▁sentence｜>",
  "<|im_end|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|call|>",
  "<|calls|>",
  "<|tool_response>",
  "<|observation|>",
  "<end_of_sentence>",
];
const said = "Let me look.";
const thought = "Two cities.";

interface Turn {
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly (typeof calls)[number][];
}

const turns: readonly Turn[] = [
  { content: "", reasoning: "", calls: calls.slice(0, 1) },
  { content: said, reasoning: "", calls },
  { content: "", reasoning: thought, calls },
  { content: said, reasoning: thought, calls },
  { content: said, reasoning: thought, calls: [] },
];

const user: ChatMessage = { role: "user", content: "How is the weather?" };

const [, , folder = "."] = process.argv;
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith(".jinja"))
  .sort()) {
  const source = readFileSync(join(folder, file), "utf8");
  const template = new ChatTemplate(
    { text: source, tools: null },
    { bos_token: "<s>", eos_token: "</s>" },
    file,
  );
  for (const turn of turns) {
    const written = turnOf(template, turn);
    if (written === null || written.text === "") continue;
    const { text } = written;
    // Some templates leave parts of a turn out.
    const isThought = text.includes(`analysis<|message|>${said}`);
    const expected = {
      content: text.includes(said) && !isThought ? turn.content : "",
      // gpt-oss's template writes what comes before a call as reasoning.
      reasoning: isThought ? said : text.includes(thought) ? turn.reasoning : "",
      calls: turn.calls.filter(({ city }) => text.includes(city.split(",")[0] ?? city)),
    };
    const format = answerFormatOf([source]);
    // Calls of an unknown form, and reasoning without marks: no parser reads them.
    if (format.toolCalls === null || (format.reasoning === null && expected.reasoning !== "")) continue;
    console.log(JSON.stringify({ template: basename(file, ".jinja"), ...format, ...written, expected }));
  }
}

/** What the template writes for the turn beyond the opening of an answer; null where it refuses the turn. */
function turnOf(template: ChatTemplate, turn: Turn): { promptEnd: string; text: string } | null {
  try {
    const before = rendered(template, [user], true);
    const after = rendered(template, [user, answerOf(turn)], false);
    let end = 0;
    while (end < before.length && before[end] === after[end]) end++;
    // Not inside a mark.
    if (after.lastIndexOf("<", end - 1) > after.lastIndexOf(">", end - 1))
      end = after.lastIndexOf("<", end - 1);
    const written = after
      .slice(end)
      // A prompt whose end is no part of the conversation stands between.
      .replace(/^<\|CHATBOT_TOKEN\|>/, "")
      // A list of parts, printed: a model writes its text.
      .replace(/^\[\{'type': 'text', 'text': '([^']*)'\}\]/, "$1");
    return { promptEnd: after.slice(Math.max(0, end - 40), end), text: withoutEnd(template, written) };
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
    return null;
  }
}

/** Of a turn that ends otherwise, the end is what follows the text of an answer without calls. */
function withoutEnd(template: ChatTemplate, text: string): string {
  const [cut = Number.POSITIVE_INFINITY] = ends
    .map((mark) => text.indexOf(mark, 1))
    .filter((at) => at > 0)
    .sort((a, b) => a - b);
  const plain = rendered(template, [user, { role: "assistant", content: said }], false);
  const mark = plain.slice(plain.lastIndexOf(said) + said.length);
  const generated = text.slice(0, cut);
  const end = [mark, mark.trim()].find((one) => one !== "" && generated.endsWith(one));
  return end === undefined ? generated : generated.slice(0, -end.length);
}

function rendered(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string {
  return template.render({
    messages,
    addGenerationPrompt,
    continueFinalMessage: false,
    tools,
    templateVariables: {},
  });
}

function answerOf({ content, reasoning, calls: made }: Turn): ChatMessage {
  return {
    role: "assistant",
    content,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning, thinking: reasoning }),
    ...(made.length === 0
      ? {}
      : {
          tool_calls: made.map((given, i) => ({
            id: `call0000${i}`,
            type: "function" as const,
            function: { name: "get_weather", arguments: given },
          })),
        }),
  };
}
