/** @module Fields of other servers that mean the same as one of ours: honoured under their own names. */
import { PagodaError } from "../../core/errors.ts";

interface Alias {
  readonly means: string;
  /** The value under our name; without it, the value as it is. */
  readonly translate?: (value: unknown) => unknown;
}

/** llama.cpp and Ollama: -1 is "as many as there is room for", which here is said by leaving the field out. */
const unlimited = (value: unknown): unknown => (value === -1 ? null : value);

const aliases: ReadonlyMap<string, Alias> = new Map([
  ["n_predict", { means: "max_tokens", translate: unlimited }],
  ["num_predict", { means: "max_tokens", translate: unlimited }],
  ["max_completion_tokens", { means: "max_tokens" }],
  ["max_new_tokens", { means: "max_tokens" }],
  ["max_output_tokens", { means: "max_tokens" }],
  ["min_new_tokens", { means: "min_tokens" }],
  ["repeat_penalty", { means: "repetition_penalty" }],
  ["stop_sequences", { means: "stop" }],
  ["stop_words", { means: "stop" }],
  ["sampling_seed", { means: "seed" }],
  ["random_seed", { means: "seed" }],
]);

/** Template variables that Qwen's and other services take at the top level: they go into `chat_template_kwargs`. */
const templateVariables: ReadonlySet<string> = new Set(["enable_thinking"]);

/** The field of ours that a name of another server stands for; null: it stands for none. */
export function meaningOf(name: string): string | null {
  return templateVariables.has(name) ? "chat_template_kwargs" : (aliases.get(name)?.means ?? null);
}

export interface PlainBody {
  readonly body: Readonly<Record<string, unknown>>;
  /** Our name to the one that the client sent, for errors. */
  readonly sentAs: ReadonlyMap<string, string>;
  /** The request says that its output has no limit but the context. */
  readonly isUnlimited: boolean;
}

/**
 * The body with each alias under its meaning, unless the endpoint itself has a field of that name.
 * Throws `invalid_request` where an alias and its meaning are both given and differ.
 */
export function withoutAliases(
  body: Readonly<Record<string, unknown>>,
  isKnown: (name: string) => boolean,
): PlainBody {
  const plain: Record<string, unknown> = { ...body };
  const sentAs = new Map<string, string>();
  for (const name of Object.keys(body)) {
    const alias = aliases.get(name);
    if (alias === undefined) continue;
    if (isKnown(name)) {
      if (isKnown(alias.means)) refuseContradiction(name, alias.means, body[name], plain[alias.means]);
      continue;
    }
    const value = alias.translate === undefined ? body[name] : alias.translate(body[name]);
    delete plain[name];
    refuseContradiction(name, alias.means, value, plain[alias.means]);
    sentAs.set(alias.means, name);
    plain[alias.means] = value ?? plain[alias.means];
  }
  const isUnlimited = body.n_predict === -1 || body.num_predict === -1;
  const takesVariables = isKnown("chat_template_kwargs");
  return { body: takesVariables ? withTemplateVariables(plain) : plain, sentAs, isUnlimited };
}

function refuseContradiction(alias: string, means: string, value: unknown, other: unknown): void {
  const isStated = (stated: unknown): boolean => stated !== undefined && stated !== null;
  if (!isStated(value) || !isStated(other) || JSON.stringify(value) === JSON.stringify(other)) return;
  throw new PagodaError(
    "invalid_request",
    `'${alias}' and '${means}' mean the same and have different values.`,
    {
      param: alias,
      hint: `Send '${means}' alone.`,
    },
  );
}

function withTemplateVariables(body: Record<string, unknown>): Record<string, unknown> {
  const stated = Object.entries(body).filter(([name]) => templateVariables.has(name));
  if (stated.length === 0) return body;
  for (const [name] of stated) delete body[name];
  const { chat_template_kwargs: kwargs = null } = body;
  // The schema refuses a value that is not an object.
  if (kwargs !== null && (typeof kwargs !== "object" || Array.isArray(kwargs))) return body;
  const variables = stated.filter(([, value]) => value !== null);
  for (const [name, value] of variables)
    refuseContradiction(
      name,
      `chat_template_kwargs.${name}`,
      value,
      (kwargs as Record<string, unknown> | null)?.[name],
    );
  return { ...body, chat_template_kwargs: { ...Object.fromEntries(variables), ...kwargs } };
}
