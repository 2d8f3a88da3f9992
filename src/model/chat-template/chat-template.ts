/** @module A model's chat template: Jinja, parsed once, rendered per request. */
import type { PagodaError } from "../../core/errors.ts";
import type { ChatMessage } from "../../core/generation.ts";
import { type ContentFormat, contentFormatOf, withContentFormat } from "./content-parts.ts";
import { contentUpTo, withContinuationMark } from "./final-message.ts";
import { JinjaTemplate, type TemplateLimits } from "./jinja/template.ts";
import { renderFault, sourceFault } from "./template-faults.ts";

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

export const templateLimits: TemplateLimits = {
  // Half a second; a conversation of 50 messages takes some thousand.
  baseSteps: 2_000_000,
  stepsPerUnit: 8,
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

export class ChatTemplate {
  readonly #template: Compiled;
  readonly #toolTemplate: Compiled;
  /** As the model's files have it. */
  readonly source: string;
  readonly tokens: TemplateTokens;

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
    this.source = sources.text;
    this.tokens = tokens;
  }

  /** Throws PagodaError `invalid_request` where the template does not parse, refuses these messages or fails on them. */
  render(prompt: ChatPrompt): string {
    const compiled = prompt.tools === null ? this.#template : this.#toolTemplate;
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
}

function compile(source: string, path: string): Compiled {
  try {
    const template = new JinjaTemplate(source);
    return { template, contentFormat: contentFormatOf(template.body) };
  } catch (cause) {
    return { fault: sourceFault(cause, path) };
  }
}

function renderGuarded(template: JinjaTemplate, variables: Readonly<Record<string, unknown>>): string {
  try {
    return template.render(variables, templateLimits);
  } catch (cause) {
    throw renderFault(cause);
  }
}
