/** @module A conversation with a model in this process, over standard input and output. */
import { createInterface, type Interface } from "node:readline";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationService } from "../../core/generation.ts";
import { describeSampling } from "../../core/sampling-params.ts";
import { errorLine } from "../print/exit-with-error.ts";
import { brokenLines } from "../print/text-columns.ts";
import { answerTo, chatPrompt, cutShort } from "./answer.ts";
import type { AnswerValues } from "./answer-options.ts";
import { Conversation } from "./conversation.ts";
import { loadLocalInstance } from "./local-instance.ts";

/** Resolves when the person leaves, or the input ends. */
export async function chat(model: string | null, values: AnswerValues): Promise<void> {
  const instance = await loadLocalInstance(model, values);
  try {
    await converse(instance.engine, values);
  } finally {
    await instance.close();
  }
}

async function converse(service: GenerationService, values: AnswerValues): Promise<void> {
  const { modelId, hasChatTemplate, defaultSampling, samplingOrigin } = service.model;
  if (!hasChatTemplate)
    throw new PagodaError("invalid_option", `The model ${modelId} has no chat template, so it cannot chat.`, {
      hint: "Use pagoda run, which lets it go on with a text, or a model that was made for chats.",
    });
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout, terminal: isTerminal });
  const session = new ChatSession(service, values, terminal, isTerminal);
  if (isTerminal) {
    const introduction = `${modelId}, ${describeSampling(defaultSampling)} (${samplingOrigin})`;
    console.log(brokenLines(introduction, "", process.stdout.columns).join("\n"));
    console.log("/help lists the commands; Ctrl-D leaves.");
  }
  await session.run();
}

class ChatSession {
  readonly #service: GenerationService;
  readonly #values: AnswerValues;
  readonly #terminal: Interface;
  readonly #isTerminal: boolean;
  readonly #conversation = new Conversation();
  /** The answer that is being given; null: the person's turn. */
  #answering: AbortController | null = null;

  constructor(service: GenerationService, values: AnswerValues, terminal: Interface, isTerminal: boolean) {
    this.#service = service;
    this.#values = values;
    this.#terminal = terminal;
    this.#isTerminal = isTerminal;
  }

  async run(): Promise<void> {
    const interrupt = (): void => this.#interrupt();
    this.#terminal.on("SIGINT", interrupt);
    process.on("SIGINT", interrupt);
    this.#prompt();
    for await (const line of this.#terminal) {
      const typed = this.#conversation.typed(line);
      if (typed.kind === "leave") break;
      if (typed.kind === "say") console.log(typed.text);
      if (typed.kind === "ask") await this.#answer();
      this.#prompt();
    }
    this.#terminal.close();
    process.off("SIGINT", interrupt);
  }

  #prompt(): void {
    if (!this.#isTerminal) return;
    this.#terminal.setPrompt(this.#conversation.goesOn ? "... " : "> ");
    this.#terminal.prompt();
  }

  /** Stops the answer, not the program. */
  #interrupt(): void {
    if (this.#answering !== null) {
      this.#answering.abort();
      return;
    }
    if (!this.#isTerminal) process.exit(130);
    process.stdout.write("\nCtrl-D or /exit leaves.\n");
    this.#prompt();
  }

  /** What cannot be answered (a conversation that is too long) is told, and the conversation goes on without it. */
  async #answer(): Promise<void> {
    this.#answering = new AbortController();
    const write = (piece: string): void => void process.stdout.write(piece);
    try {
      const prompt = chatPrompt(this.#conversation.messages);
      const answer = await answerTo(prompt, this.#values, this.#service, write, this.#answering.signal);
      process.stdout.write("\n");
      this.#conversation.answered(answer.text);
      const remark = answer.reason === null ? "(stopped)" : cutShort(answer);
      if (remark !== null) process.stderr.write(`${remark}\n`);
    } catch (thrown) {
      if (!(thrown instanceof PagodaError) || this.#service.failure() !== null) throw thrown;
      this.#conversation.withdraw();
      process.stderr.write(
        `pagoda: ${errorLine(thrown).replace(/\.?$/, ".")} /clear begins a new conversation.\n`,
      );
    } finally {
      this.#answering = null;
    }
  }
}
