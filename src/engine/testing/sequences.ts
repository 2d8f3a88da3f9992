/** @module Sequences for tests that need no engine. */
import { mib } from "../../core/byte-size.ts";
import { EventQueue } from "../event-queue.ts";
import { type AdmittedRequest, RequestProgress, type Sequence } from "../sequence.ts";
import { SequenceText } from "../sequence-text.ts";
import { UnreadEvents } from "../unread-events.ts";
import { letterTokenizer } from "./letter-tokenizer.ts";
import { greedy } from "./scripted-engine.ts";

let numArrived = 0;

/** The first sequence of a request that wants `maxTokens` tokens; arrivals are numbered in the order of calls. */
export function sequenceWith(
  wishes: Partial<AdmittedRequest> & { readonly promptTokens?: readonly number[] },
): Sequence {
  const sampling = wishes.sampling ?? greedy;
  const admitted: AdmittedRequest = {
    requestId: "test",
    promptTokenIds: Int32Array.from(wishes.promptTokens ?? [1]),
    sampling,
    seed: 1,
    maxTokens: 16,
    stopTokenIds: new Set(),
    eosTokenIds: new Set(),
    bannedBeforeMin: [],
    priority: 0,
    arrivalNumber: numArrived++,
    arrivedMs: 0,
    ...wishes,
  };
  const events = new EventQueue(new UnreadEvents(mib), () => undefined);
  return new RequestProgress(admitted, events, () => new SequenceText(letterTokenizer, sampling))
    .firstSequence;
}
