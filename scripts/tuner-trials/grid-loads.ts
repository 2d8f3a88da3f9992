/** @module The loads and the grid with which the tuner is compared. */

export interface GridLoad {
  readonly name: string;
  /** Flags of `pagoda tune` by attribute. */
  readonly given: Readonly<Record<string, string>>;
}

/** 5 × 4 × 3 settings, all of which change while an engine runs. */
export const gridKnobs =
  "max-num-seqs=4,8,12,16,32 max-num-batched-tokens=64,128,256,1024 max-step-ms=60,120,300";
/** 15 % of the settings. */
export const tunerTrials = 9;

const engine = { memory: "900MiB", maxModelLen: "2048" };

export const gridLoads: readonly GridLoad[] = [
  {
    name: "32 users, prompts of 128, outputs of 64",
    given: { ...engine, users: "32", requests: "32", promptTokens: "128", outputTokens: "64" },
  },
  {
    name: "12 users, prompts of 200–500, outputs of 40, P99 between tokens ≤ 200 ms",
    given: {
      ...{ ...engine, users: "12", requests: "16", promptTokens: "200-500", outputTokens: "40" },
      ...{ subjectTo: "p99-itl<200ms" },
    },
  },
  {
    name: "16 users, 3 shared beginnings of 512, own 32, outputs of 64, P99 to the first token ≤ 2.5 s",
    given: {
      ...{ ...engine, users: "16", requests: "32", promptTokens: "32", outputTokens: "64" },
      ...{ sharedPrefix: "512x3", subjectTo: "p99-ttft<2500ms" },
    },
  },
];
