/** @module What an out-of-memory message says beside its phase: how much was tried and how much was free, and whether that is a shortage. */
import { formatBytes } from "../../core/byte-size.ts";
import type { LogFacts, OutOfMemory } from "../log/log-facts.ts";
import { wasRefusedThoughFree } from "../log/out-of-memory.ts";
import type { Quantity } from "../quantity/quantity.ts";

const shown = (quantity: Quantity): string => formatBytes(quantity.expectedBytes);

/** Bytes that were lacking; 0 where the message does not say, or where more was free than was tried. */
export function lackingBytes({ outOfMemory }: LogFacts): number {
  if (outOfMemory === null || outOfMemory.tried === null) return 0;
  return Math.max(0, outOfMemory.tried.expectedBytes - (outOfMemory.free?.expectedBytes ?? 0));
}

/** True where a refusal came although the card had room: no flag of memory mends it. */
export function isNoShortage({ outOfMemory }: LogFacts): boolean {
  return outOfMemory !== null && wasRefusedThoughFree(outOfMemory);
}

/** Why a driver refuses memory that is free, the likeliest first. */
function reasonOf(stated: OutOfMemory, isUnified: boolean): string {
  if (stated.hasAbsurdSizes)
    return "The message states sizes that no card has, as WSL2's driver does: it cannot tell what its processes hold, and it refuses memory that is there. Start it under Linux itself, update the driver and WSL, or run one process a card; another share changes nothing.";
  if (stated.allowed !== null)
    return `The process may use only ${shown(stated.allowed)} of the card (set_per_process_memory_fraction): raise that limit.`;
  if (
    stated.reserved !== null &&
    stated.tried !== null &&
    stated.reserved.expectedBytes > stated.tried.expectedBytes
  )
    return "PyTorch holds more than that in pieces that are too small: set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True.";
  if (isUnified)
    return "This card shares its memory with the host, so a limit of the host stops it: that of a container (--memory, a cgroup), of the driver's aperture (GTT), or pages that other programs and the page cache hold.";
  return "A limit other than the card's memory stopped it: WSL2's driver, a container's memory limit (cgroup), a limit of the process, or memory in pieces (PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True).";
}

/** What was tried, and what was there. */
function triedSentence({ tried, free, total, held }: OutOfMemory): string[] {
  if (tried === null) return [];
  const card = total === null ? "" : ` of the card's ${shown(total)}`;
  const process = held === null ? "" : `; this process held ${shown(held)}`;
  return free === null
    ? [
        `${shown(tried)} more were tried${card === "" ? "" : ` on a card of ${shown(total ?? tried)}`}${process}.`,
      ]
    : [`${shown(tried)} more were tried, and ${shown(free)}${card} were free${process}.`];
}

/** Sentences on the sizes of the message; empty where the log has no such message. */
export function shortageSentences(facts: LogFacts, isUnified: boolean): string[] {
  const { outOfMemory } = facts;
  if (outOfMemory === null) return [];
  if (isNoShortage(facts))
    return [
      `The card is not full: ${triedSentence(outOfMemory)[0] ?? ""} It is no shortage of the card.`,
      reasonOf(outOfMemory, isUnified),
    ];
  const { reserved, tried } = outOfMemory;
  const isFragmented = reserved !== null && tried !== null && reserved.expectedBytes >= tried.expectedBytes;
  return [
    ...triedSentence(outOfMemory),
    ...(isFragmented
      ? [
          `PyTorch had reserved ${shown(reserved)} that it did not use, in pieces: PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True lets it join them.`,
        ]
      : []),
  ];
}
