/** @module A model's chat template: Jinja, parsed once, rendered per request. */
import type { PagodaError } from "../../core/errors.ts";
import type { ChatMessage } from "../../core/generation.ts";
import { type ContentFormat, contentFormatOf, withContentFormat } from "./content-parts.ts";
import { contentUpTo, withContinuationMark } from "./final-message.ts";
import { JinjaTemplate, type TemplateLimits } from "./jinja/template.ts";
import { noTemplate, renderFault, requestTemplateFault, sourceFault } from "./template-faults.ts";

export interface ChatPrompt {
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
  /** The last message is left open, for the model to go on with. */
  readonly continueFinalMessage: boolean;
  readonly tools: readonly unknown[] | null;
  /** Extra variables (`chat_template_kwargs`); they win over the template's own. */
  readonly templateVariables: Readonly<Record<string, unknown>>;
  /** The request's own template, in place of the model's. */
  readonly chatTemplate?: string | null;
}

/** Texts of the special tokens that templates name: `bos_token`, `eos_token`, … */
export type TemplateTokens = Readonly<Record<string, string>>;

export const templateLimits: TemplateLimits = {
  // Some 50 ms, so that a hostile template does not stop other requests; a conversation of 50 messages takes some thousand.
  baseSteps: 250_000,
  stepsPerUnit: 4,
  baseTextUnits: 8 * 2 ** 20,
  textUnitsPerUnit: 16,
  // Python's own stack ends earlier.
  maxCallDepth: 200,
};

/** A template that does not parse does not refuse the model: texts need none. */
type Compiled = ParsedTemplate | { readonly fault: PagodaError };

interface ParsedTemplate {
  readonly template: JinjaTemplate;
  readonly contentFormat: ContentFormat;
}

/** Templates of requests that are kept parsed: clients send the same one again. */
const maxRequestTemplates = 8;

export class ChatTemplate {
  readonly #template: Compiled;
  readonly #toolTemplate: Compiled;
  /** The model's own as its files have it; null where only requests bring templates. */
  readonly source: string | null;
  /** All of the model's own. */
  readonly sources: readonly string[];
  readonly tokens: TemplateTokens;
  /** The file that has the model's templates. */
  readonly origin: string;
  readonly #requestTemplates = new Map<string, Compiled>();

  /**
   * `sources` are the model's templates, null where only requests bring some; `sources.tools` is the one for requests with
   * tools, where there is a separate one. `path` is the file that has them, for messages.
   */
  constructor(
    sources: { readonly text: string; readonly tools: string | null } | null,
    tokens: TemplateTokens,
    path: string,
  ) {
    const ofModel = (text: string): Compiled => compile(text, (cause) => sourceFault(cause, path));
    this.#template = sources === null ? { fault: noTemplate() } : ofModel(sources.text);
    this.#toolTemplate = (sources?.tools ?? null) === null ? this.#template : ofModel(sources?.tools ?? "");
    this.source = sources?.text ?? null;
    this.sources = [sources?.text, sources?.tools].filter((text) => typeof text === "string");
    this.tokens = tokens;
    this.origin = path;
  }

  /** Throws PagodaError `invalid_request` where the template does not parse, refuses these messages or fails on them. */
  render(prompt: ChatPrompt): string {
    const compiled = this.#compiledFor(prompt);
    if ("fault" in compiled) throw compiled.fault;
    const formatted = withContentFormat(prompt.messages, compiled.contentFormat);
    const messages = prompt.continueFinalMessage ? withContinuationMark(formatted) : formatted;
    const text = renderGuarded(compiled.template, {
      ...this.tokens,
      messages,
      tools: prompt.tools,
      documents: null,
      add_generation_prompt: prompt.addGenerationPrompt && !prompt.continueFinalMessage,
      ...prompt.templateVariables,
    });
    return prompt.continueFinalMessage ? contentUpTo(text, formatted) : text;
  }

  #compiledFor({ chatTemplate = null, tools }: ChatPrompt): Compiled {
    if (chatTemplate === null) return tools === null ? this.#template : this.#toolTemplate;
    const compiled = this.#requestTemplates.get(chatTemplate) ?? compile(chatTemplate, requestTemplateFault);
    // The one that was used last stands last; the first one goes.
    this.#requestTemplates.delete(chatTemplate);
    this.#requestTemplates.set(chatTemplate, compiled);
    const [oldest] = this.#requestTemplates.keys();
    if (this.#requestTemplates.size > maxRequestTemplates && oldest !== undefined)
      this.#requestTemplates.delete(oldest);
    return compiled;
  }
}

function compile(source: string, faultOf: (cause: unknown) => PagodaError): Compiled {
  try {
    const template = new JinjaTemplate(source);
    return { template, contentFormat: contentFormatOf(template.body) };
  } catch (cause) {
    return { fault: faultOf(cause) };
  }
}

function renderGuarded(template: JinjaTemplate, variables: Readonly<Record<string, unknown>>): string {
  try {
    return template.render(variables, templateLimits);
  } catch (cause) {
    throw renderFault(cause);
  }
}
