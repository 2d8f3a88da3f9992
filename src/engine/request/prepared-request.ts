/** @module A request with everything about it decided and checked, before it has a sequence. */
import type { Pooling } from "../../core/generation.ts";
import type { SamplingParams } from "../../core/sampling-params.ts";
import type { CompiledConstraint } from "../constraint/sequence-constraint.ts";
import type { TokenFilterRules } from "../constraint/token-filter.ts";

export interface PreparedRequest {
  readonly requestId: string;
  readonly promptTokenIds: Int32Array;
  readonly sampling: SamplingParams;
  readonly seed: number;
  /** Most tokens each of its sequences may generate; 0 only scores the prompt. */
  readonly maxTokens: number;
  /** Tokens that end a sequence: those of the request and, unless ignored, the model's own. */
  readonly stopTokenIds: ReadonlySet<number>;
  readonly eosTokenIds: ReadonlySet<number>;
  /** Tokens forbidden while fewer than minTokens were generated. */
  readonly bannedBeforeMin: readonly number[];
  /** null: hidden states are not wanted. */
  readonly pooling: Pooling | null;
  /** Prefixes are shared only with requests of the same salt. */
  readonly cacheSalt: string | null;
  /** What the text must match; absent or null: nothing. */
  readonly constraint?: CompiledConstraint | null;
  /** Tokens that are forbidden; absent or null: none. */
  readonly tokenFilter?: TokenFilterRules | null;
  readonly priority: number;
  /** Order of arrival; unique. */
  readonly arrivalNumber: number;
  readonly arrivedMs: number;
}
