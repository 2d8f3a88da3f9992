/** @module The answer of `/admin/memory`: planned and actual bytes, side by side. */
import type { FootprintComponent, MemoryComponentName } from "./footprint.ts";
import type { KvDtype } from "./kv-layout.ts";
import type { BlockCounts } from "./observation/block-counts.ts";
import type { Origin } from "./resolved.ts";

export type Evidence = "exact" | "measured" | "estimated";

export interface MemoryComponent {
  readonly name: Extract<MemoryComponentName, "runtime" | FootprintComponent>;
  readonly plannedBytes: number;
  readonly actualBytes: number;
  readonly evidence: Evidence;
}

/**
 * What the component `runtime` consists of: pages of the executable and of its libraries; the JavaScript heap of the main
 * thread; and what is left, which are buffers of native code, other threads' heaps and stacks.
 */
export interface RuntimePart {
  readonly name: "files" | "heap" | "native";
  readonly bytes: number;
}

export interface BudgetReport {
  /** Most bytes that the instance may use; null if only the pool was stated. */
  readonly capBytes: number | null;
  readonly deviceTotalBytes: number;
  readonly cap: {
    readonly kind: "fractionOfTotal" | "instanceBytes" | "none";
    readonly value: number | null;
    readonly from: Origin;
    readonly why: string;
  };
  readonly pool: {
    readonly kind: "remainder" | "fractionOfFree" | "kvBytes" | "blocks" | "tokens" | "default";
    readonly value: number | null;
    readonly from: Origin;
    readonly why: string;
  };
}

/** Bytes of one rank; the runtime is that of the whole process. */
export interface RankMemory {
  readonly rank: number;
  readonly plannedBytes: number;
  readonly actualBytes: number;
  readonly components: Readonly<Record<FootprintComponent, number>>;
}

export interface MemoryReport {
  readonly kernels: string;
  /** Why no faster kernels are used; absent if the fastest are. */
  readonly kernelsReason?: string;
  /** Duration of the kernels' self-test, milliseconds; absent if they need none. */
  readonly selfTestMs?: number;
  readonly budget: BudgetReport;
  readonly components: readonly MemoryComponent[];
  /** Of an instance that several ranks divide; `components` are their sums. */
  readonly ranks?: readonly RankMemory[];
  /** Together they are the actual bytes of `runtime`; empty where the system does not tell them apart. */
  readonly runtimeParts: readonly RuntimePart[];
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  readonly blocks: BlockCounts;
  readonly kvCache: { readonly dtype: KvDtype; readonly prefixCaching: boolean };
  /** Rules for texts that requests stated, compiled, with what is made of them; a part of the JavaScript heap, by estimate. */
  readonly rules: { readonly bytes: number; readonly capacityBytes: number };
  readonly numKvTokens: number;
  /** Sequences of max_model_len that the pool holds. */
  readonly maxConcurrency: number;
}
