/** @module What the running instance would gain or lose. */
import { formatBytes } from "../../../core/byte-size.ts";
import type { Plan } from "../../../planner/index.ts";
import { type Page, usePage } from "../../page/page-state.ts";
import { Table } from "../../page/table-twin.tsx";
import type { EngineAnswer } from "./answer.ts";

interface Gain {
  readonly title: string;
  readonly before: number | null;
  readonly after: number | null;
  /** Whether more of it is better; null: neither. */
  readonly moreIsBetter: boolean | null;
  format(value: number): string;
}

function allBytes(plan: Plan | null): number | null {
  if (plan === null) return null;
  return plan.components
    .filter(({ name }) => name !== "free")
    .reduce((sum, { quantity }) => sum + quantity.expectedBytes, 0);
}

function gainsOf(page: Page, answer: EngineAnswer, running: EngineAnswer): readonly Gain[] {
  const [after, before] = [answer.plan, running.plan];
  return [
    {
      title: page.text("whatif.kvTokens"),
      before: before?.kv?.numTokens.expected ?? null,
      after: after?.kv?.numTokens.expected ?? null,
      moreIsBetter: true,
      format: page.whole,
    },
    {
      title: page.text("whatif.users"),
      before: running.users?.numUsers ?? null,
      after: answer.users?.numUsers ?? null,
      moreIsBetter: true,
      format: page.whole,
    },
    {
      title: page.text("whatif.memory"),
      before: allBytes(before),
      after: allBytes(after),
      moreIsBetter: false,
      format: formatBytes,
    },
  ];
}

export function Gains({
  answer,
  running,
}: {
  readonly answer: EngineAnswer;
  readonly running: EngineAnswer;
}) {
  const page = usePage();
  const rows = gainsOf(page, answer, running).map(({ title, before, after, moreIsBetter, format }) => [
    title,
    before === null ? "–" : format(before),
    after === null ? "–" : format(after),
    <Difference key={title} before={before} after={after} moreIsBetter={moreIsBetter} format={format} />,
  ]);
  return (
    <Table
      caption={page.text("whatif.against")}
      columns={[
        { title: page.text("whatif.against") },
        { title: page.text("whatif.now"), isNumber: true },
        { title: page.text("whatif.then"), isNumber: true },
        { title: page.text("figure.difference"), isNumber: true },
      ]}
      rows={rows}
    />
  );
}

function Difference({ before, after, moreIsBetter, format }: Omit<Gain, "title">) {
  const page = usePage();
  if (before === null || after === null) return <>–</>;
  if (before === after) return <span class="quiet">{page.text("whatif.same")}</span>;
  const isGain = after > before === moreIsBetter;
  const sign = after > before ? "+" : "−";
  return (
    <span class={isGain ? "gain" : "loss"}>
      {sign}
      {format(Math.abs(after - before))}
      {before === 0 ? "" : ` (${sign}${page.decimal(Math.abs(100 * (after / before - 1)), 1)} %)`}
    </span>
  );
}
