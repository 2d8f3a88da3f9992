/** @module Sequences for tests that need no engine. */
import { mib } from "../../core/byte-size.ts";
import { EventQueue } from "../output/event-queue.ts";
import { OutputBacklog } from "../output/output-backlog.ts";
import { SequenceText } from "../output/sequence-text.ts";
import { type PreparedRequest, RequestProgress, type Sequence } from "../request/sequence.ts";
import { letterTokenizer } from "./letter-tokenizer.ts";
import { greedy } from "./scripted-engine.ts";

let numArrived = 0;

/** The first sequence of a request that wants `maxTokens` tokens; arrivals are numbered in the order of calls. */
export function sequenceWith(
  wishes: Partial<PreparedRequest> & { readonly promptTokens?: readonly number[] },
): Sequence {
  const sampling = wishes.sampling ?? greedy;
  const admitted: PreparedRequest = {
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
  const events = new EventQueue(new OutputBacklog(mib), () => undefined);
  return new RequestProgress(admitted, events, () => new SequenceText(letterTokenizer, sampling))
    .firstSequence;
}
