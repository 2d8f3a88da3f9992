/** @module What an answer consists of once calls and reasoning are told apart from its text; every dialect builds on it. */

export type AnswerPiece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string }
  /** A call begins. Calls are numbered from 0; the arguments of one end where the next piece of another kind begins. */
  | { readonly kind: "call"; readonly index: number; readonly callId: string; readonly name: string }
  /** More of the JSON text of the arguments of call `index`; all pieces of a call joined are one JSON value. */
  | { readonly kind: "arguments"; readonly index: number; readonly json: string };

/** Takes the text of one sequence as it arrives; where it is cut does not change what all pieces joined say. */
export interface AnswerParser {
  push(text: string): readonly AnswerPiece[];
  /** What was held back; to be called once, after the last text. */
  finish(): readonly AnswerPiece[];
}

/** Numbers the calls of one answer. */
export class CallNumbers {
  readonly #newCallId: () => string;
  #numCalls = 0;

  constructor(newCallId: () => string) {
    this.#newCallId = newCallId;
  }

  /** The first piece of the next call. */
  begin(name: string): Extract<AnswerPiece, { kind: "call" }> {
    return { kind: "call", index: this.#numCalls++, callId: this.#newCallId(), name };
  }

  /** More arguments of the newest call. */
  continue(json: string): AnswerPiece {
    return { kind: "arguments", index: this.#numCalls - 1, json };
  }

  /** A call that is known as a whole. */
  whole(name: string, json: string): readonly AnswerPiece[] {
    return [this.begin(name), this.continue(json)];
  }
}
