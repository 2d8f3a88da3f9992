/** @module What memory is worth: the share of prompt tokens that other pool sizes would miss, and what the next bytes would save. */
import type {
  InstanceCurve,
  InstanceSnapshot,
  PrefixCurveAnswer,
} from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import { Chart, type Mark } from "../../chart/chart.tsx";
import { usePage, useStore } from "../../page/page-state.ts";
import { TableTwin } from "../../page/table-twin.tsx";
import { usePolled } from "../../page/use-polled.ts";
import { connection } from "../../state/connection.ts";
import { percent, Savings } from "./savings.tsx";

const readEveryMs = 3000;

export function MemoryPanel() {
  const page = usePage();
  const snapshot = useStore(connection.snapshot);
  const answer = usePolled<PrefixCurveAnswer>("admin/prefix-cache/curve", readEveryMs);
  if (snapshot === null || answer === null) return <p class="quiet">{page.text("page.loading")}</p>;
  if (!answer.ok) return <p class="refusal">{answer.refusal.message}</p>;
  return (
    <>
      <p class="lead">{page.text("memory.lead")}</p>
      {Object.values(snapshot.instances).map((instance) => {
        const curve = answer.value.instances[instance.instanceId];
        return (
          <section key={instance.instanceId} class="panel" aria-label={instance.instanceId}>
            <h2>{instance.instanceId}</h2>
            {curve === undefined ? (
              <p class="quiet">{page.text("memory.unreported")}</p>
            ) : (
              <Worth instance={instance} curve={curve} />
            )}
          </section>
        );
      })}
    </>
  );
}

interface WorthProps {
  readonly instance: InstanceSnapshot;
  readonly curve: InstanceCurve;
}

function Worth({ instance, curve }: WorthProps) {
  const page = usePage();
  const { points, here, knee, numQueryTokens, sampledShare } = curve;
  const miss = ({ bytes, hitRate }: (typeof points)[number]) => ({ x: bytes, y: 1 - hitRate });
  const describe = (name: "memory.here" | "memory.knee", point: (typeof points)[number]): string =>
    page.text("memory.point", {
      name: page.text(name),
      bytes: formatBytes(point.bytes),
      miss: percent(page, 1 - point.hitRate),
    });
  const marks: Mark[] = [
    { kind: "here", ...miss(here), label: describe("memory.here", here), name: page.text("memory.here") },
  ];
  if (knee !== null)
    marks.push({
      kind: "knee",
      ...miss(knee),
      label: describe("memory.knee", knee),
      name: page.text("memory.knee"),
    });
  return (
    <>
      <Savings instance={instance} curve={curve} />
      {numQueryTokens === 0 ? null : (
        <figure>
          <Chart
            label={`${page.text("memory.chart")}. ${marks.map(({ label }) => label).join(" ")}`}
            xTitle={page.text("memory.poolSize")}
            yTitle={page.text("memory.missRate")}
            xScale="bytes"
            xFormat={(bytes) => (bytes === 0 ? "0" : formatBytes(bytes))}
            yFormat={(share) => `${page.decimal(100 * share, 0)} %`}
            lines={[{ kind: "curve", points: [{ x: 0, y: 1 }, ...points.map(miss)] }]}
            marks={marks}
          />
          <p class="quiet">
            {page.text("memory.learned", {
              n: page.whole(numQueryTokens),
              share: percent(page, sampledShare),
            })}
          </p>
          <CurveTable curve={curve} />
        </figure>
      )}
    </>
  );
}

function CurveTable({ curve: { points, here, knee } }: { readonly curve: InstanceCurve }) {
  const page = usePage();
  const named = (name: string, { bytes, numBlocks, hitRate }: (typeof points)[number]) => [
    name === "" ? formatBytes(bytes) : `${formatBytes(bytes)} (${name})`,
    page.whole(numBlocks),
    percent(page, hitRate),
    percent(page, 1 - hitRate),
  ];
  const rows = [
    ...points.map((point) => ({ name: "", point })),
    { name: page.text("memory.here"), point: here },
    ...(knee === null ? [] : [{ name: page.text("memory.knee"), point: knee }]),
  ].sort((a, b) => a.point.bytes - b.point.bytes);
  return (
    <TableTwin
      caption={page.text("memory.chart")}
      columns={[
        { title: page.text("memory.poolSize") },
        { title: page.text("whatif.blocks"), isNumber: true },
        { title: page.text("memory.hitRate"), isNumber: true },
        { title: page.text("memory.missRate"), isNumber: true },
      ]}
      rows={rows.map(({ name, point }) => named(name, point))}
    />
  );
}
