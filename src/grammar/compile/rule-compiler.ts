/** @module Compiles rules in a thread of its own, within a limit of time and of memory, and keeps those that were used last. */
import { Worker } from "node:worker_threads";
import type { ConstraintRule } from "../../core/answer/output-constraint.ts";
import { type Network, networkBytes } from "../automaton/network.ts";
import { Recognizer } from "../automaton/recognizer.ts";
import { GrammarFault } from "../expression/fault.ts";
import type { CompileAnswer, CompileRequest } from "./compile-messages.ts";
import type { ReasoningAllowed } from "./rule-grammar.ts";

const workerFile = new URL(
  import.meta.url.endsWith(".ts") ? "./rule.worker.ts" : "./rule.worker.js",
  import.meta.url,
);

/** A rule that needs more heap ends the thread, and with it only this rule. */
const workerResourceLimits = { maxOldGenerationSizeMb: 256, stackSizeMb: 4 } as const;
/** The thread ends when it has had nothing to do for this long. */
const idleMs = 5000;
const mostRules = 64;

export interface RuleCompilerOptions {
  /** Bytes that rules and their states may hold together. */
  readonly capacityBytes: number;
  /** Of one rule. */
  readonly limitMs: number;
}

export class RuleCompiler {
  readonly #options: RuleCompilerOptions;
  /** The one used last stands last. */
  readonly #known = new Map<string, Promise<Recognizer>>();
  readonly #made = new Map<string, Recognizer>();
  #worker: Worker | null = null;
  /** The rule that is being compiled; the next one waits for it. */
  #busy: Promise<unknown> = Promise.resolve();
  #idle: ReturnType<typeof setTimeout> | null = null;
  #numRequests = 0;

  constructor(options: RuleCompilerOptions) {
    this.#options = options;
  }

  /** Rejects with GrammarFault. */
  compile(rule: ConstraintRule, reasoning: ReasoningAllowed | null): Promise<Recognizer> {
    const key = JSON.stringify([rule, reasoning]);
    const known = this.#known.get(key) ?? this.#compiled(key, rule, reasoning);
    this.#known.delete(key);
    this.#known.set(key, known);
    return known;
  }

  /** Bytes of all rules and states that are kept, by estimate. */
  get numBytes(): number {
    let numBytes = 0;
    for (const recognizer of this.#made.values())
      numBytes += networkBytes(recognizer.network) + recognizer.numBytes;
    return numBytes;
  }

  /**
   * Forgets states, and then rules, until what is kept is within the capacity; sequences keep those that they use.
   * `otherBytes` of the capacity are used for other things; half of it always remains.
   */
  enforce(otherBytes = 0): void {
    const { capacityBytes } = this.#options;
    const mostBytes = Math.max(capacityBytes / 2, capacityBytes - otherBytes);
    const fits = (): boolean => this.numBytes <= mostBytes && this.#made.size <= mostRules;
    if (fits()) return;
    for (const recognizer of this.#made.values()) recognizer.drop();
    for (const key of [...this.#known.keys()]) {
      if (fits()) return;
      this.#forget(key);
    }
  }

  async close(): Promise<void> {
    await this.#end();
  }

  #compiled(key: string, rule: ConstraintRule, reasoning: ReasoningAllowed | null): Promise<Recognizer> {
    const network = this.#busy.then(() => this.#ask({ id: this.#numRequests++, rule, reasoning }));
    this.#busy = network.catch(() => undefined);
    const recognizer = network.then((made) => new Recognizer(made, this.#options.capacityBytes / 2));
    recognizer.then(
      (made) => this.#made.set(key, made),
      // A rule that failed is compiled again when it comes again: the limit of time may have been chance.
      () => this.#forget(key),
    );
    return recognizer;
  }

  #forget(key: string): void {
    this.#known.delete(key);
    this.#made.delete(key);
  }

  #ask(request: CompileRequest): Promise<Network> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise<Network>((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      // The start of a thread, which takes long on a busy machine, is not the rule's fault.
      const begin = (): void => {
        timer = setTimeout(() => {
          end();
          void this.#end();
          reject(tooSlow(this.#options.limitMs));
        }, this.#options.limitMs);
      };
      const onMessage = (answer: CompileAnswer): void => {
        if (answer.kind === "begun") {
          begin();
          return;
        }
        end();
        this.#idle = setTimeout(() => void this.#end(), idleMs);
        this.#idle.unref();
        if (answer.kind === "network") resolve(answer.network);
        else reject(new GrammarFault(answer.message, answer.hint));
      };
      const onError = (): void => {
        end();
        this.#worker = null;
        reject(tooLarge());
      };
      const end = (): void => {
        clearTimeout(timer);
        worker.off("message", onMessage);
        worker.off("error", onError);
      };
      worker.on("message", onMessage);
      worker.on("error", onError);
      worker.postMessage(request);
    });
  }

  #start(): Worker {
    const worker = new Worker(workerFile, { resourceLimits: workerResourceLimits, execArgv: [] });
    worker.unref();
    worker.once("exit", () => {
      if (this.#worker === worker) this.#worker = null;
    });
    return worker;
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    await worker?.terminate();
  }
}

function tooSlow(limitMs: number): GrammarFault {
  return new GrammarFault(
    `It takes more than ${limitMs / 1000} seconds to compile.`,
    "Send a simpler one: fewer alternatives, shorter patterns, smaller numbers of repetitions.",
  );
}

function tooLarge(): GrammarFault {
  return new GrammarFault(
    "It takes more memory to compile than one request may use.",
    "Send a simpler one: fewer alternatives, shorter patterns, smaller numbers of repetitions.",
  );
}
