/** @module What a changed setting would mean for the running instance, in its own present figures. */
import type { InstanceSnapshot } from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import type { Page } from "../../page/page-state.ts";
import type { SettingRow } from "./setting-rows.ts";

function signed(page: Page, value: number): string {
  return `${value < 0 ? "−" : "+"}${page.whole(Math.abs(value))}`;
}

/** A sentence; null where nothing is to be said. */
export function effectOf(
  page: Page,
  { name, requested }: SettingRow,
  value: number,
  { blocks, numRunning, steps }: InstanceSnapshot,
): string | null {
  const by = value - requested;
  switch (name) {
    case "maxNumSeqs":
      return value < (numRunning ?? 0)
        ? page.text("settings.effect.seatsDrain", {
            n: signed(page, by),
            running: page.whole(numRunning ?? 0),
          })
        : page.text("settings.effect.seats", { n: signed(page, by) });
    case "maxNumBlocks":
      if (blocks === null) return null;
      return page.text(
        value < blocks.numReferenced ? "settings.effect.blocksPreempt" : "settings.effect.blocks",
        {
          tokens: signed(page, by * blocks.blockSize),
          bytes: `${by < 0 ? "−" : "+"}${formatBytes(Math.abs(by) * blocks.bytesPerBlock)}`,
          used: page.whole(blocks.numReferenced),
        },
      );
    case "maxModelLen":
      return page.text("settings.effect.length", { n: signed(page, by) });
    case "maxNumBatchedTokens":
      return steps === null
        ? null
        : page.text("settings.effect.tokens", {
            n: signed(page, by),
            mean: page.decimal(steps.meanTokens, 1),
          });
    case "maxStepMs":
      return steps === null
        ? null
        : page.text("settings.effect.stepMs", { n: signed(page, by), mean: page.decimal(steps.meanMs, 1) });
  }
}
