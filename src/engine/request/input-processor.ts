/** @module Prepares a request: checks it and decides everything about it before it may wait for a seat. */
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, Prompt } from "../../core/generation.ts";
import type { SamplingParams } from "../../core/sampling-params.ts";
import type { ConstraintCompiler } from "../constraint/constraint-compiler.ts";
import type { CompiledConstraint } from "../constraint/sequence-constraint.ts";
import type { TokenFilterRules } from "../constraint/token-filter.ts";
import type { PreparedRequest } from "./prepared-request.ts";
import { type PromptCut, truncatedText, truncatedTokens } from "./prompt-truncation.ts";
import type { ChatRenderer, TextTokenizer } from "./text-tokenizer.ts";
import { tokenFilterRules } from "./token-filter-rules.ts";
import { TokenizerQueue } from "./tokenizer-queue.ts";

/** Limits that may change while the engine runs: they hold for requests that come after. */
export interface ChangingLimits {
  readonly maxModelLen: number;
  readonly maxNumSeqs: number;
  /** Token positions of the KV pool. */
  readonly numKvTokens: number;
}

interface InputLimits extends ChangingLimits {
  /** The most that `maxModelLen` could be with this model. */
  readonly modelMaxLen: number;
  readonly maxLogprobs: number;
  /** Entries for logit_bias and bans that one output row may have. */
  readonly maxBiasEntries: number;
  readonly vocabularyWidth: number;
  readonly output: OutputLimits;
}

/** Limits on generated tokens besides the context length; null: no other limit. */
export interface OutputLimits {
  /** If the request states none. */
  readonly defaultTokens: number | null;
  /** The most that any request gets. */
  readonly ceilingTokens: number | null;
}

export interface InputProcessorOptions {
  readonly limits: InputLimits;
  readonly tokenizer: TextTokenizer;
  readonly chatTemplate: ChatRenderer | null;
  readonly eosTokenIds: readonly number[];
  /** Rules for texts. */
  readonly constraints: ConstraintCompiler;
  readonly clock: () => number;
  readonly drawSeed: () => number;
}

/** Every vocabulary has a token of at least this many characters. */
const usualTokenLength = 8;

/** The end of a prompt, which may have opened the model's reasoning. */
const numPromptEndTokens = 16;

/** Texts longer than this many characters take milliseconds to tokenize, so other requests should not wait for them. */
const longTextLength = 2048;

export class InputProcessor {
  readonly #options: InputProcessorOptions;
  readonly #tokenizerQueue = new TokenizerQueue();
  #limits: InputLimits;
  #numArrived = 0;
  /** The prompts of a request share its sampling, and the mask of its tokens. */
  readonly #tokenFilters = new WeakMap<SamplingParams, TokenFilterRules | null>();
  /** Found when a text is so long that it matters. */
  #longestToken: number | null = null;

  constructor(options: InputProcessorOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  setLimits(limits: ChangingLimits): void {
    this.#limits = { ...this.#limits, ...limits };
  }

  /**
   * Rejects with PagodaError `context_length_exceeded` or `invalid_request`, with the numbers and the change that helps.
   * Resolves with null once `signal` is aborted. A request's place is that of its arrival, however long its text takes.
   */
  async prepare(request: GenerationRequest, signal: AbortSignal): Promise<PreparedRequest | null> {
    const { sampling } = request;
    const arrivalNumber = this.#numArrived++;
    const arrivedMs = this.#options.clock();
    this.#checkSampling(sampling);
    this.checkTokenIds(request.continuation?.tokenIds ?? [], "pagoda_resume");
    const cut = this.#cutOf(request);
    const tokenIds = await this.#tokenize(
      request.prompt,
      signal,
      (numTokens) => (cut === null ? this.#refuseLongText(numTokens) : undefined),
      cut,
    );
    if (tokenIds === null) return null;
    const promptTokenIds = cut === null ? tokenIds : truncatedTokens(tokenIds, cut);
    this.#checkEmbedded(promptTokenIds, request.prompt);
    const maxTokens = this.#maxTokens(promptTokenIds.length, request);
    const { eosTokenIds } = this.#options;
    const banned = this.#bannedBeforeMin(sampling);
    this.#checkBias(sampling, banned.length);
    const constraint = await this.#compiledConstraint(request, promptTokenIds);
    if (signal.aborted) return null;
    return {
      requestId: request.requestId,
      promptTokenIds: Int32Array.from(promptTokenIds),
      sampling,
      seed: sampling.seed ?? request.continuation?.seed ?? this.#options.drawSeed(),
      maxTokens,
      stopTokenIds: new Set(sampling.stopTokenIds),
      eosTokenIds: new Set(sampling.ignoreEos ? [] : eosTokenIds),
      bannedBeforeMin: banned,
      pooling: request.pooling ?? null,
      cacheSalt: request.cacheSalt ?? null,
      constraint,
      tokenFilter: this.#tokenFilter(sampling, banned),
      priority: request.priority,
      arrivalNumber,
      arrivedMs,
    };
  }

  /**
   * Token ids of a prompt, of any number; null once `signal` is aborted. Rejects with `invalid_request` for ids outside
   * the vocabulary and for a missing chat template, and with `context_length_exceeded` for a text that is too long even
   * if every token were the longest of the vocabulary.
   */
  tokenize(prompt: Prompt, signal: AbortSignal): Promise<readonly number[] | null> {
    return this.#tokenize(prompt, signal, () => undefined);
  }

  async #tokenize(
    prompt: Prompt,
    signal: AbortSignal,
    check: (numTokens: number) => void,
    cut: PromptCut | null = null,
  ): Promise<readonly number[] | null> {
    if (prompt.kind === "tokens") {
      this.checkTokenIds(prompt.tokenIds, "prompt");
      return prompt.tokenIds;
    }
    // A template writes the special tokens itself.
    const options = { addSpecialTokens: prompt.kind === "text" && prompt.addSpecialTokens };
    const whole = prompt.kind === "text" ? prompt.text : this.#render(prompt);
    const text = cut === null ? whole : truncatedText(whole, cut, this.#longestTokenLength());
    if (cut === null) this.#checkTextLength(text);
    const { tokenizer } = this.#options;
    if (text.length <= longTextLength) return tokenizer.encode(text, options);
    return this.#tokenizerQueue.run(tokenizer.encodeWithPauses(text, options), signal, check);
  }

  async #compiledConstraint(
    { constraint = null }: GenerationRequest,
    promptTokenIds: readonly number[],
  ): Promise<CompiledConstraint | null> {
    if (constraint === null) return null;
    const lastTokenIds = promptTokenIds.slice(-numPromptEndTokens);
    const promptEnd = this.#options.tokenizer.decode(lastTokenIds, { skipSpecialTokens: false });
    return this.#options.constraints.compile(constraint, promptEnd);
  }

  /** Called while a text is being tokenized: refuses it as soon as it has too many tokens. */
  #refuseLongText(numTokens: number): void {
    const { maxModelLen, modelMaxLen } = this.#limits;
    if (numTokens <= maxModelLen) return;
    const message = `The context length of this model is ${maxModelLen} tokens, but the prompt alone has more.`;
    const remedy = maxModelLen < modelMaxLen ? ", or start with a larger --max-model-len" : "";
    throw new PagodaError("context_length_exceeded", message, {
      hint: `Shorten the prompt${remedy}.`,
      param: "prompt",
    });
  }

  /**
   * Tokenizing takes some hundred bytes and a microsecond per character, so a text that cannot fit even with the longest
   * tokens is refused before that.
   */
  #checkTextLength(text: string): void {
    const { maxModelLen } = this.#limits;
    if (text.length <= maxModelLen * usualTokenLength) return;
    const longestToken = this.#longestTokenLength();
    const mostCharacters = maxModelLen * longestToken;
    if (text.length <= mostCharacters) return;
    const fewestTokens = Math.ceil(text.length / longestToken);
    const message = `The context length of this model is ${maxModelLen} tokens of at most ${longestToken} characters, but the prompt has ${text.length} characters: at least ${fewestTokens} tokens.`;
    const remedy = this.#longerContext(fewestTokens, "at least ");
    const hint = `Shorten the prompt to ${mostCharacters} characters or less${remedy}.`;
    throw new PagodaError("context_length_exceeded", message, { hint, param: "prompt" });
  }

  /** The flag that would allow `numTokens`, if the model can take them. */
  #longerContext(numTokens: number, bound = ""): string {
    if (numTokens > this.#limits.modelMaxLen) return "";
    return `, or start with --max-model-len ${bound}${numTokens}`;
  }

  /** Most tokens of the prompt that are kept, and of which end; null: a prompt that is too long is refused. */
  #cutOf({ truncation = null, sampling }: GenerationRequest): PromptCut | null {
    if (truncation === null) return null;
    const wanted = sampling.maxTokens ?? Math.max(1, sampling.minTokens);
    const { maxModelLen, numKvTokens } = this.#limits;
    const room = Math.min(maxModelLen - wanted, numKvTokens + (wanted > 0 ? 1 : 0) - wanted);
    return { mostTokens: truncation.mostTokens ?? Math.max(1, room), side: truncation.side };
  }

  #longestTokenLength(): number {
    this.#longestToken ??= this.#findLongestToken();
    return this.#longestToken;
  }

  /** UTF-8 bytes of the longest token: an upper bound of its characters. */
  #findLongestToken(): number {
    let longest = usualTokenLength;
    for (let tokenId = 0; tokenId < this.#limits.vocabularyWidth; tokenId++)
      longest = Math.max(longest, this.#options.tokenizer.tokenBytes(tokenId).length);
    return longest;
  }

  #render(prompt: Extract<Prompt, { kind: "chat" }>): string {
    const { chatTemplate } = this.#options;
    if (chatTemplate !== null) return chatTemplate.render(prompt);
    throw new PagodaError("invalid_request", "This model has no chat template, so it cannot take messages.", {
      hint: "Send the text to /v1/completions instead.",
      param: "messages",
    });
  }

  /** A tokenizer may have more tokens than the embedding has rows; only a prompt that uses such a token is refused. */
  #checkEmbedded(promptTokenIds: readonly number[], prompt: Prompt): void {
    const limits = this.#limits;
    const { tokenizer } = this.#options;
    const tokenId = promptTokenIds.find((id) => id < 0 || id >= limits.vocabularyWidth);
    if (tokenId === undefined) return;
    const text = JSON.stringify(new TextDecoder().decode(tokenizer.tokenBytes(tokenId)));
    const message = `The prompt holds token ${tokenId} (${text}), but the model's embedding has ${limits.vocabularyWidth} rows.`;
    throw new PagodaError("invalid_request", message, {
      hint: "The tokenizer has more tokens than the model: send a prompt without this one.",
      param: prompt.kind === "chat" ? "messages" : "prompt",
    });
  }

  /** Throws `invalid_request` for an id outside the vocabulary; `param` is the field that holds it. */
  checkTokenIds(tokenIds: Iterable<number>, param: string): void {
    const { vocabularyWidth } = this.#limits;
    for (const tokenId of tokenIds) {
      if (Number.isInteger(tokenId) && tokenId >= 0 && tokenId < vocabularyWidth) continue;
      throw new PagodaError("invalid_request", `Token id ${tokenId} is not in the vocabulary.`, {
        hint: `Token ids of this model run from 0 to ${vocabularyWidth - 1}.`,
        param,
      });
    }
  }

  #checkSampling(sampling: SamplingParams): void {
    const limits = this.#limits;
    refuseAbove("n", sampling.n, limits.maxNumSeqs, "--max-num-seqs");
    refuseAbove("logprobs", sampling.logprobs ?? 0, limits.maxLogprobs, "--max-logprobs");
    refuseAbove("prompt_logprobs", sampling.promptLogprobs ?? 0, limits.maxLogprobs, "--max-logprobs");
    this.checkTokenIds(sampling.logitBias.keys(), "logit_bias");
    this.checkTokenIds(sampling.stopTokenIds, "stop_token_ids");
    this.checkTokenIds(sampling.allowedTokenIds ?? [], "allowed_token_ids");
    if (sampling.maxTokens !== null && sampling.minTokens > sampling.maxTokens) {
      const message = `min_tokens ${sampling.minTokens} is more than max_tokens ${sampling.maxTokens}.`;
      const hint = `Set min_tokens to at most ${sampling.maxTokens}.`;
      throw new PagodaError("invalid_request", message, { hint, param: "min_tokens" });
    }
  }

  #tokenFilter(sampling: SamplingParams, banned: readonly number[]): TokenFilterRules | null {
    const known = this.#tokenFilters.get(sampling);
    if (known !== undefined) return known;
    const { vocabularyWidth } = this.#limits;
    const rules = tokenFilterRules(sampling, {
      tokenizer: this.#options.tokenizer,
      vocabularyWidth,
      banned,
    });
    this.#tokenFilters.set(sampling, rules);
    return rules;
  }

  #bannedBeforeMin(sampling: SamplingParams): readonly number[] {
    if (sampling.minTokens === 0) return [];
    return [...new Set([...this.#options.eosTokenIds, ...sampling.stopTokenIds])];
  }

  #checkBias(sampling: SamplingParams, numBans: number): void {
    const { maxBiasEntries } = this.#limits;
    const numEntries = sampling.logitBias.size + numBans;
    if (numEntries <= maxBiasEntries) return;
    const message = `logit_bias with ${sampling.logitBias.size} entries and ${numBans} banned stop tokens needs ${numEntries} entries; there are ${maxBiasEntries}.`;
    const hint = `Keep logit_bias within ${Math.max(0, maxBiasEntries - numBans)} entries.`;
    throw new PagodaError("invalid_request", message, { hint, param: "logit_bias" });
  }

  /**
   * Most tokens the request may generate. The last token generated is never computed, so a pool of p positions holds a
   * sequence of p + 1 tokens.
   */
  #maxTokens(numPromptTokens: number, request: GenerationRequest): number {
    const { sampling } = request;
    const { maxModelLen, numKvTokens } = this.#limits;
    if (numPromptTokens === 0) {
      throw new PagodaError("invalid_request", "The prompt has no tokens.", {
        hint: "Send at least one token.",
        param: "prompt",
      });
    }
    const wanted = sampling.maxTokens ?? Math.max(1, sampling.minTokens);
    const outputParam = sampling.maxTokens === null ? "min_tokens" : (request.maxTokensName ?? "max_tokens");
    refuseTooLong(numPromptTokens, wanted, maxModelLen, {
      what: "The context length of this model is",
      outputParam,
      remedy: this.#longerContext(numPromptTokens + wanted),
    });
    refuseTooLong(numPromptTokens, wanted, numKvTokens + (wanted > 0 ? 1 : 0), {
      what: "The KV pool holds sequences of at most",
      outputParam,
      remedy: ", or start with a larger KV pool",
    });
    const roomTokens = Math.min(maxModelLen, numKvTokens + 1) - numPromptTokens;
    const { defaultTokens, ceilingTokens } = this.#limits.output;
    const stated = sampling.maxTokens ?? Math.min(roomTokens, defaultTokens ?? roomTokens);
    return Math.min(stated, ceilingTokens ?? stated);
  }
}

function refuseAbove(param: string, value: number, limit: number, flag: string): void {
  if (value <= limit) return;
  throw new PagodaError("invalid_request", `${param} is ${value}; this server allows at most ${limit}.`, {
    hint: `Set ${param} to at most ${limit}, or start the server with ${flag} ${value}.`,
    param,
  });
}

function refuseTooLong(
  numPromptTokens: number,
  numOutputTokens: number,
  limit: number,
  words: { readonly what: string; readonly outputParam: string; readonly remedy: string },
): void {
  const numTokens = numPromptTokens + numOutputTokens;
  if (numTokens <= limit) return;
  const numLeft = limit - numPromptTokens;
  const message = `${words.what} ${limit} tokens, but ${numTokens} were requested: ${numPromptTokens} in the prompt and ${numOutputTokens} to generate.`;
  const hint =
    numLeft >= 1
      ? `Set ${words.outputParam} to at most ${numLeft}${words.remedy}.`
      : `Shorten the prompt by at least ${numTokens - limit === 1 ? "1 token" : `${numTokens - limit} tokens`}${words.remedy}.`;
  throw new PagodaError("context_length_exceeded", message, {
    hint,
    param: numLeft >= 1 ? words.outputParam : "prompt",
  });
}
