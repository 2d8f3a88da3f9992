/** @module What of a setting a running server can take over without a restart. */

/** The body of `PATCH /admin/settings`, and the knobs that it cannot have. */
export function liveChange(knobs: Readonly<Record<string, string>>): {
  readonly body: Readonly<Record<string, number | boolean>>;
  readonly needRestart: readonly string[];
} {
  const body: Record<string, number | boolean> = {};
  const needRestart: string[] = [];
  for (const [name, value] of Object.entries(knobs)) {
    const setting = liveSettings[name];
    if (setting === undefined) needRestart.push(name);
    else body[setting] = value === "on" || value === "off" ? value === "on" : Number(value);
  }
  return { body, needRestart };
}

const liveSettings: Readonly<Record<string, string>> = {
  "max-num-seqs": "maxNumSeqs",
  "max-num-batched-tokens": "maxNumBatchedTokens",
  "max-step-ms": "maxStepMs",
  "max-model-len": "maxModelLen",
  "enable-prefix-caching": "prefixCaching",
};
