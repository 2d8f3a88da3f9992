/** @module A model's chat template: Jinja, compiled once, rendered per request. */
import { basename } from "node:path";
import { Environment, Interpreter, Template } from "@huggingface/jinja";
import { PagodaError } from "../../core/errors.ts";
import type { ChatMessage } from "../../core/generation.ts";
import { readsParts, withJoinedParts } from "./content-parts.ts";
import { strftime } from "./strftime.ts";

export interface ChatPrompt {
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
  /** The last message is left open, for the model to go on with. */
  readonly continueFinalMessage: boolean;
  readonly tools: readonly unknown[] | null;
  /** Extra variables (`chat_template_kwargs`); they win over the template's own. */
  readonly templateVariables: Readonly<Record<string, unknown>>;
}

/** Texts of the special tokens that templates name: `bos_token`, `eos_token`, … */
export type TemplateTokens = Readonly<Record<string, string>>;

/** As in Jinja's own sandbox: a longer range is a fault, not a wish. */
const maxRange = 100_000;

/** A template that does not parse is no reason to refuse the model: texts need none. */
type Compiled = ParsedTemplate | { readonly fault: string };

interface ParsedTemplate {
  readonly template: Template;
  readonly readsParts: boolean;
}

export class ChatTemplate {
  readonly #template: Compiled;
  readonly #toolTemplate: Compiled;
  readonly #tokens: TemplateTokens;

  /**
   * `sources.tools` is the template for requests with tools, where the model has a separate one. `path` is the file that
   * has them, for messages.
   */
  constructor(
    sources: { readonly text: string; readonly tools: string | null },
    tokens: TemplateTokens,
    path: string,
  ) {
    this.#template = compile(sources.text, path);
    this.#toolTemplate = sources.tools === null ? this.#template : compile(sources.tools, path);
    this.#tokens = tokens;
  }

  /** Throws PagodaError `invalid_request` where the template does not parse, refuses these messages or fails on them. */
  render(prompt: ChatPrompt): string {
    const { template, readsParts } = parsedOf(prompt.tools === null ? this.#template : this.#toolTemplate);
    const messages = readsParts ? prompt.messages : prompt.messages.map(withJoinedParts);
    const text = renderGuarded(template, {
      ...this.#tokens,
      messages,
      tools: prompt.tools,
      documents: null,
      add_generation_prompt: prompt.addGenerationPrompt && !prompt.continueFinalMessage,
      ...prompt.templateVariables,
    });
    return prompt.continueFinalMessage ? cutAfterFinalMessage(text, messages) : text;
  }
}

function compile(source: string, path: string): Compiled {
  try {
    const template = new Template(source);
    return { template, readsParts: readsParts(template.parsed) };
  } catch (cause) {
    return { fault: `the model's chat template, in ${basename(path)}, cannot be read: ${reasonOf(cause)}` };
  }
}

function parsedOf(compiled: Compiled): ParsedTemplate {
  if ("template" in compiled) return compiled;
  throw new PagodaError("invalid_request", compiled.fault, {
    hint: "Send the text to /v1/completions, or put a template that parses into the model's folder as chat_template.jinja.",
    param: "messages",
  });
}

function renderGuarded(template: Template, variables: Record<string, unknown>): string {
  try {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...variables, ...templateGlobals }))
      environment.set(name, value);
    return new Interpreter(environment).run(template.parsed).toString();
  } catch (cause) {
    throw new PagodaError(
      "invalid_request",
      `the model's chat template refuses these messages: ${reasonOf(cause)}`,
      { param: "messages", cause },
    );
  }
}

/** What templates may call and name beside their variables. */
const templateGlobals: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range: boundedRange,
  strftime_now: (format: unknown) => strftime(new Date(), String(format)),
  raise_exception: (message: unknown) => {
    throw new RangeError(String(message));
  },
};

/** Everything after the last message's content goes, so that the model continues it. */
function cutAfterFinalMessage(text: string, messages: readonly ChatMessage[]): string {
  const whole = messages.at(-1)?.content;
  const content = Array.isArray(whole) ? whole.at(-1)?.text : whole;
  if (typeof content !== "string" || content.trim() === "")
    throw new PagodaError(
      "invalid_request",
      "continue_final_message needs a last message with text in its content",
      { param: "continue_final_message" },
    );
  const trimmed = content.trim();
  const at = text.lastIndexOf(trimmed);
  if (at === -1)
    throw new PagodaError(
      "invalid_request",
      "continue_final_message is not possible: the chat template changes the last message",
      { param: "continue_final_message" },
    );
  // Where the template keeps the content's own white space at its end, it stays.
  const trailing = content.slice(content.trimEnd().length);
  const end = at + trimmed.length;
  return text.slice(0, text.startsWith(trailing, end) ? end + trailing.length : end);
}

/** Python's range(stop), range(start, stop), range(start, stop, step). */
function boundedRange(first: number, second?: number | null, step: number | null = 1): readonly number[] {
  const [start, stop] = typeof second === "number" ? [first, second] : [0, first];
  const stride = step ?? 1;
  const numItems = Math.max(0, Math.ceil((stop - start) / stride));
  if (!(numItems <= maxRange)) throw new RangeError(`range of ${numItems} items; at most ${maxRange}`);
  return Array.from({ length: numItems }, (_, index) => start + index * stride);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
