/** @module The memory of processes by their share of each page (PSS): pages that several map count once in all. */
import { readFileSync } from "node:fs";
import { kib } from "../core/byte-size.ts";

export interface ProportionalMemory {
  /** All pages that are resident, file pages too. */
  readonly heldBytes: number;
  /** Those that cannot be dropped: anonymous and shared memory. */
  readonly unreclaimableBytes: number;
}

/** Summed over the processes; one that has ended counts nothing. Source: proc(5), /proc/pid/smaps_rollup. */
export function proportionalMemory(pids: readonly number[]): ProportionalMemory {
  let [heldBytes, unreclaimableBytes] = [0, 0];
  for (const pid of pids) {
    const text = rollup(pid);
    heldBytes += field(text, "Pss");
    unreclaimableBytes += field(text, "Pss_Anon") + field(text, "Pss_Shmem");
  }
  return { heldBytes, unreclaimableBytes };
}

function field(text: string, name: string): number {
  const [, kibibytes = "0"] = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text) ?? [];
  return Number(kibibytes) * kib;
}

/** Empty where the process has ended, or is another user's. */
function rollup(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  } catch (error) {
    if (
      error instanceof Error &&
      "code" in error &&
      ["ENOENT", "ESRCH", "EACCES"].includes(String(error.code))
    )
      return "";
    throw error;
  }
}
