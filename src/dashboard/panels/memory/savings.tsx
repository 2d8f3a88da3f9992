/** @module What more memory would save an instance, in sentences. */
import type { InstanceCurve, InstanceSnapshot } from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import { type Page, usePage } from "../../page/page-state.ts";
import { savedPreemptions } from "./next-bytes.ts";

/** Smaller gains are within the error of the curve. */
const leastGain = 0.001;

export const percent = (page: Page, share: number): string => `${page.decimal(100 * share, 1)} %`;

interface SavingsProps {
  readonly instance: InstanceSnapshot;
  readonly curve: Omit<InstanceCurve, "points">;
}

/** What the next bytes would save, or that they would save nothing. */
export function Savings({ instance, curve: { next, numQueryTokens, here } }: SavingsProps) {
  const page = usePage();
  const preemptions = savedPreemptions(instance, next.numBlocks);
  const bytes = formatBytes(next.bytes);
  const isNothing = next.hitRateGain < leastGain;
  const prefill = (): string => {
    if (numQueryTokens === 0) return page.text("memory.noPrompt");
    if (isNothing) return page.text("memory.nothing", { bytes });
    const gain = percent(page, next.hitRateGain);
    if (next.prefillMsPerSecond === null) return page.text("memory.gain", { bytes, gain });
    const ms = page.decimal(next.prefillMsPerSecond, 1);
    return page.text("memory.gainMs", { bytes, gain, ms });
  };
  const kept = (): string => {
    if (preemptions === null) return page.text("memory.preemptionsUnknown");
    if (instance.rates?.preemptionsPerSecond === 0) return page.text("memory.noPreemptions");
    const values = { n: page.decimal(preemptions.perSecond, 2), lacking: page.whole(preemptions.numLacking) };
    return page.text("memory.savedPreemptions", { bytes, ...values });
  };
  return (
    <div class="savings">
      <p>
        <strong>{page.text("memory.prefill")}</strong> {prefill()}
      </p>
      <p>
        <strong>{page.text("memory.preemptions")}</strong> {kept()}
      </p>
      <p class="quiet">
        {page.text("memory.pool", {
          bytes: formatBytes(here.bytes),
          blocks: page.whole(here.numBlocks),
          hits: percent(page, here.hitRate),
        })}
      </p>
    </div>
  );
}
