/** @module Sequences for tests that need no engine. */
import { mib } from "../../core/byte-size.ts";
import { EventQueue } from "../output/event-queue.ts";
import { OutputBacklog } from "../output/output-backlog.ts";
import type { PreparedRequest } from "../request/prepared-request.ts";
import { RequestProgress, type Sequence } from "../sequence/sequence.ts";
import { SequenceText } from "../sequence/sequence-text.ts";
import { letterTokenizer } from "./letter-tokenizer.ts";
import { greedy } from "./scripted-engine.ts";

let numArrived = 0;

/** The first sequence of a request that wants `maxTokens` tokens; arrivals are numbered in the order of calls. */
export function sequenceWith(
  wishes: Partial<PreparedRequest> & { readonly promptTokens?: readonly number[] },
): Sequence {
  const sampling = wishes.sampling ?? greedy;
  const prepared: PreparedRequest = {
    requestId: "test",
    promptTokenIds: Int32Array.from(wishes.promptTokens ?? [1]),
    sampling,
    seed: 1,
    maxTokens: 16,
    stopTokenIds: new Set(),
    eosTokenIds: new Set(),
    bannedBeforeMin: [],
    pooling: null,
    cacheSalt: null,
    priority: 0,
    arrivalNumber: numArrived++,
    arrivedMs: 0,
    ...wishes,
  };
  const events = new EventQueue(new OutputBacklog(mib), () => undefined);
  return new RequestProgress(prepared, events, () => new SequenceText(letterTokenizer, sampling))
    .firstSequence;
}
