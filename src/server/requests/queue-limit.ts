/** @module How many sequences may wait for a seat at an engine of this process: --max-queue, and a setting while the server runs. */

export class QueueLimit {
  /** null: any number. */
  mostWaiting: number | null;

  constructor(mostWaiting: number | null) {
    this.mostWaiting = mostWaiting;
  }
}
