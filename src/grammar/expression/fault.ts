/** @module Why a rule for outputs cannot be compiled: `engine/` turns it into an error that names the request's field. */

export class GrammarFault extends Error {
  /** The change that helps; a full sentence. */
  readonly hint: string;

  /** @param message a full sentence that names the keyword or the place */
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}
