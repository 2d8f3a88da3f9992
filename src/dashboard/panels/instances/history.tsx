/** @module Lines of the last 15 minutes of an instance, each with its present and its largest value, and one table of all. */
import { useEffect, useState } from "preact/hooks";
import type { HistoryAnswer } from "../../../api/admin/observatory/index.ts";
import { type Page, usePage } from "../../page/page-state.ts";
import { TableTwin } from "../../page/table-twin.tsx";
import { ask } from "../../state/request.ts";
import type { TextName } from "../../text/en.ts";

const stepSeconds = 5;
const readEveryMs = 5000;
const [width, height] = [240, 44];

interface Line {
  readonly title: TextName;
  readonly column: string;
  readonly factor: number;
}

const lines: readonly Line[] = [
  { title: "history.generated", column: "generatedTokensPerSecond", factor: 1 },
  { title: "history.running", column: "numRunning", factor: 1 },
  { title: "history.kv", column: "kvCacheUsage", factor: 100 },
  { title: "history.ttft", column: "timeToFirstTokenP90Ms", factor: 1 },
];

/** Read anew every five seconds while it is in the page. */
function useHistory(): HistoryAnswer | null {
  const [answer, setAnswer] = useState<HistoryAnswer | null>(null);
  useEffect(() => {
    let isGone = false;
    const read = async (): Promise<void> => {
      const answered = await ask<HistoryAnswer>(`admin/history?step=${stepSeconds}`);
      if (!isGone && answered.ok) setAnswer(answered.value);
    };
    void read();
    const timer = setInterval(() => void read(), readEveryMs);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, []);
  return answer;
}

export function History({ instanceId }: { readonly instanceId: string }) {
  const page = usePage();
  const answer = useHistory();
  const rows = answer?.instances[instanceId] ?? [];
  if (answer === null || rows.length < 2) return <p class="quiet">{page.text("history.none")}</p>;
  const valuesOf = ({ column, factor }: Line): (number | null)[] => {
    const at = answer.columns.indexOf(column) + 1;
    return rows.map((row) => (at === 0 ? null : scaled(row[at], factor)));
  };
  const columns = lines.map(valuesOf);
  return (
    <>
      <h3>{page.text("history.title")}</h3>
      <ul class="history">
        {lines.map((line) => (
          <li key={line.column}>
            <Sparkline title={page.text(line.title)} values={valuesOf(line)} page={page} />
          </li>
        ))}
      </ul>
      <TableTwin
        caption={page.text("history.title")}
        columns={[
          { title: page.text("history.time") },
          ...lines.map(({ title }) => ({ title: page.text(title), isNumber: true })),
        ]}
        rows={rows.map((row, index) => [
          new Date(row[0] ?? 0).toLocaleTimeString(page.language),
          ...columns.map((values) => shown(page, values[index] ?? null)),
        ])}
      />
    </>
  );
}

const scaled = (value: number | null | undefined, factor: number): number | null =>
  value == null ? null : value * factor;
const shown = (page: Page, value: number | null): string => (value === null ? "–" : page.decimal(value, 1));

interface SparklineProps {
  readonly title: string;
  readonly values: readonly (number | null)[];
  readonly page: Page;
}

/** A gap where nothing is known; from 0 to the largest value. */
function Sparkline({ title, values, page }: SparklineProps) {
  const most = Math.max(...values.map((value) => value ?? 0));
  const now = values.at(-1) ?? null;
  let path = "";
  let isDown = false;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      isDown = false;
      continue;
    }
    const x = (index / (values.length - 1)) * width;
    const y = height - 2 - (most === 0 ? 0 : value / most) * (height - 4);
    path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  }
  const summary = `${page.text("history.now")} ${shown(page, now)}, ${page.text("history.most")} ${shown(page, most)}`;
  return (
    <figure>
      <figcaption>
        {title} <span class="quiet">{summary}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${summary}`}
      >
        <path d={path} />
      </svg>
    </figure>
  );
}
