/** @module The cards that a log lists: nvidia-smi's table and its CSV, PyTorch's environment report, and who holds what. */
import type { Collected } from "./collect-facts.ts";
import type { LoggedCard } from "./log-facts.ts";

const mib = 2 ** 20;
/** `|   0  NVIDIA GeForce RTX 4060 Ti     Off |` and below it `|    3578MiB /   8188MiB |`. */
const tableName =
  /^\s*\|\s+\d+\s+(?<name>(?:NVIDIA|Tesla|Quadro|GeForce|GRID)\S*(?: \S+)*?)\s+(?:On|Off)\s*\|/;
const tableMemory = /\|\s+(?<used>\d+)MiB \/\s*(?<total>\d+)MiB\s+\|/;
/** `0, NVIDIA GeForce RTX 3090, 580.142`, `NVIDIA L4, 23034 MiB, 1 MiB`. */
const csv = /^\s*(?:\d+, )?(?<name>NVIDIA [^,|]+?), *(?:(?<total>\d+) MiB)?(?:, *(?<used>\d+) MiB)?/;
/** `GPU 0: NVIDIA A100-SXM4-80GB`, `GPU models and configuration: AMD Instinct MI300X (gfx942…)`. */
const report =
  /(?:\bGPU \d+: |GPU models and configuration: |Marketing Name:\s+)(?<name>(?:NVIDIA|AMD|Intel|Tesla|Quadro)[^(,|]*[\w)])/;
/** `|    0   N/A  N/A      1234      C   python3      3570MiB |` */
const holder = /^\s*\|\s+\d+\s+\S+\s+\S+\s+(?<pid>\d+)\s+[CG+]+\s+(?<name>\S.*?)\s+(?<used>\d+)MiB \|/;

const size = (digits: string | undefined): number | null =>
  digits === undefined ? null : Number(digits) * mib;

function cardsOf(lines: readonly string[]): LoggedCard[] {
  const cards: LoggedCard[] = [];
  let open: string | null = null;
  for (const line of lines) {
    const named = tableName.exec(line)?.groups?.name;
    const memory = open === null ? undefined : tableMemory.exec(line)?.groups;
    if (named !== undefined) open = named;
    else if (open !== null && memory !== undefined) {
      cards.push({ name: open, totalBytes: size(memory.total), usedBytes: size(memory.used) });
      open = null;
    } else {
      const found = (csv.exec(line) ?? report.exec(line))?.groups;
      if (found?.name !== undefined)
        cards.push({ name: found.name.trim(), totalBytes: size(found.total), usedBytes: size(found.used) });
    }
  }
  return cards;
}

/** Adds the cards of a log; the first one with a size names the card where no line of the engine does. */
export function readCards(facts: Collected, lines: readonly string[]): void {
  facts.cards.push(...cardsOf(lines));
  const [first] = [...facts.cards].sort(
    (a, b) => Number(b.totalBytes !== null) - Number(a.totalBytes !== null),
  );
  if (first !== undefined) facts.gpu = first.name;
  const holders = lines.flatMap((line) => {
    const found = holder.exec(line)?.groups;
    return found === undefined ? [] : [`${found.name} (process ${found.pid}) ${found.used} MiB`];
  });
  if (holders.length > 0) facts.notes.push(`nvidia-smi lists what holds memory: ${holders.join(", ")}.`);
}
