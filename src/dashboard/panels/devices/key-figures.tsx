/** @module What binds now, in a sentence, and the few figures that are looked at first. */
import type { BindingLimitReport, Snapshot } from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import { setUrl, usePage } from "../../page/page-state.ts";
import type { TextName } from "../../text/en.ts";

const known = new Set<string>([
  "kv_blocks",
  "seats",
  "step_tokens",
  "step_time",
  "compute",
  "memory_bandwidth",
  "prefix_wait",
  "clients",
  "router_queue",
  "idle",
  "unknown",
]);

export function BindingLimit({ report }: { readonly report: BindingLimitReport }) {
  const page = usePage();
  const name = (limit: string): string =>
    known.has(limit) ? page.text(`limit.${limit}` as TextName) : limit;
  return (
    <section class="panel binding" aria-labelledby="binding-title">
      <h2 id="binding-title">{page.text("binding.title")}</h2>
      <p class="sentence" role="status">
        <strong>{name(report.limit)}</strong>
        {page.language === "en" ? (
          <span>{report.sentence}</span>
        ) : (
          <span>
            {page.text("binding.sentence", {
              limit: name(report.limit),
              share: page.decimal(100 * (report.shares[0]?.share ?? 0), 0),
              seconds: page.decimal(report.windowSeconds, 0),
            })}
          </span>
        )}
      </p>
      <ul class="shares" aria-label={page.text("binding.shares")}>
        {report.shares.map(({ limit, share }) => (
          <li key={limit} class={`limit-${limit}`} style={{ flexGrow: Math.max(share, 0.001) }}>
            {name(limit)} {page.decimal(100 * share, 0)} %
          </li>
        ))}
      </ul>
      {report.relief === null ? null : <Relief relief={report.relief} />}
    </section>
  );
}

/** The flag, what it costs, and where it can be changed at once. */
function Relief({ relief }: { readonly relief: NonNullable<BindingLimitReport["relief"]> }) {
  const page = usePage();
  const { flag, setting, bytes, stepMs } = relief;
  const costs = [
    ...(bytes === null ? [] : [page.text("binding.relief.bytes", { bytes: formatBytes(bytes) })]),
    ...(stepMs === null ? [] : [page.text("binding.relief.stepMs", { ms: page.decimal(stepMs, 1) })]),
  ];
  return (
    <p>
      {page.text("binding.relief")} <code>{flag}</code>
      {costs.map((cost) => (
        <span key={cost}> · {cost}</span>
      ))}
      {setting === null ? null : (
        <>
          {" · "}
          <a
            href="?view=settings"
            onClick={(event) => {
              event.preventDefault();
              setUrl({ view: "settings" }, "push");
            }}
          >
            {page.text("binding.relief.live")}
          </a>
        </>
      )}
    </p>
  );
}

function sumOf(values: readonly (number | null | undefined)[]): number | null {
  const there = values.filter((value) => typeof value === "number");
  return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0);
}

export function KeyFigures({ snapshot }: { readonly snapshot: Snapshot }) {
  const page = usePage();
  const instances = Object.values(snapshot.instances);
  const rate = sumOf(instances.map(({ rates }) => rates?.generatedTokensPerSecond));
  const prompt = sumOf(instances.map(({ rates }) => rates?.promptTokensPerSecond));
  const running = sumOf(instances.map(({ numRunning }) => numRunning));
  const waiting = sumOf(instances.map(({ numWaiting }) => numWaiting));
  const numTotal = sumOf(instances.map(({ blocks }) => blocks?.numTotal));
  const numReferenced = sumOf(instances.map(({ blocks }) => blocks?.numReferenced));
  const [minute] = snapshot.latency;
  const whole = (value: number | null): string => (value === null ? "–" : page.whole(value));
  const kv = numTotal === null || numTotal === 0 ? null : (100 * (numReferenced ?? 0)) / numTotal;
  const ms = (value: number | undefined): string =>
    value === undefined ? "–" : `${page.decimal(value, value < 10 ? 1 : 0)} ms`;
  return (
    <dl class="figures">
      <Figure title={page.text("figures.generated")} value={whole(rate)} unit="token/s" />
      <Figure title={page.text("figures.prompt")} value={whole(prompt)} unit="token/s" />
      <Figure title={page.text("figures.running")} value={`${whole(running)} / ${whole(waiting)}`} />
      <Figure title={page.text("figures.kv")} value={kv === null ? "–" : `${page.decimal(kv, 0)} %`} />
      <Figure title={page.text("figures.ttft")} value={ms(minute?.timeToFirstToken?.p50Ms)} />
      <Figure title={page.text("figures.itl")} value={ms(minute?.interToken?.p50Ms)} />
    </dl>
  );
}

interface FigureProps {
  readonly title: string;
  readonly value: string;
  readonly unit?: string;
}

export function Figure({ title, value, unit }: FigureProps) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {value}
        {unit === undefined ? null : <small> {unit}</small>}
      </dd>
    </div>
  );
}
