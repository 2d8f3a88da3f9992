/** @module The dashboard as Grafana imports it (JSON model, schema 39), made of the panels and the metric table. */
import { type MetricName, type MetricUnit, metricTable } from "../metric-table.ts";
import { gauge, labelsOf, quantile, rate, ratio } from "./expressions.ts";
import { type Panel, panelRows } from "./panels.ts";

/** Grafana's names of units. */
const grafanaUnits: Readonly<Record<MetricUnit, string>> = {
  seconds: "s",
  bytes: "bytes",
  tokens: "short",
  share: "percentunit",
  count: "short",
};
const quantiles = [0.5, 0.9, 0.99] as const;
const columns = 24;
const panelWidth = 12;
const panelHeight = 8;
const datasource = { type: "prometheus", uid: "$datasource" } as const;

/** The figures of what is chosen above the panels. */
const serverMatcher = 'job=~"$job",instance=~"$instance"';
const modelMatcher = `${serverMatcher},model_name=~"$model"`;

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
}

export function grafanaDashboard(): object {
  const panels: object[] = [];
  let y = 0;
  for (const row of panelRows) {
    panels.push({
      ...{ id: panels.length + 1, type: "row", title: row.title, collapsed: false, panels: [] },
      gridPos: { x: 0, y: y++, w: columns, h: 1 },
    });
    for (const [i, panel] of row.panels.entries()) {
      const x = (i * panelWidth) % columns;
      panels.push(drawn(panel, panels.length + 1, { x, y, w: panelWidth, h: panelHeight }));
      if (x + panelWidth === columns || i === row.panels.length - 1) y += panelHeight;
    }
  }
  return {
    title: "Pagoda: LLM servers",
    uid: "pagoda-llm-servers",
    description: "Load, latency, limits and memory of Pagoda, vLLM and LMDeploy servers.",
    tags: ["llm", "pagoda", "vllm", "lmdeploy"],
    schemaVersion: 39,
    editable: true,
    refresh: "10s",
    time: { from: "now-30m", to: "now" },
    templating: { list: variables() },
    panels,
  };
}

/** The lines of a panel. */
export function targetsOf(panel: Panel): readonly Target[] {
  return expressionsOf(panel).map(({ expr, legend }, i) => ({
    refId: String.fromCharCode("A".charCodeAt(0) + i),
    expr,
    legendFormat: legend,
  }));
}

function expressionsOf({ metrics, draws, by = [] }: Panel): readonly { expr: string; legend: string }[] {
  const [first, second] = metrics as readonly [MetricName, MetricName?];
  const selection = { matchers: matchersOf(first), window: "$__rate_interval" };
  const own = by.map((label) => `{{${label}}}`);
  const labels = [...labelsOf(first), ...by].join(", ");
  const legendOf = (...words: readonly string[]): string =>
    [...words, metricTable[first].isOfModel ? "{{model_name}}" : "", "{{instance}}"]
      .filter((word) => word !== "")
      .join(" ");
  switch (draws) {
    case "quantiles":
      return quantiles.map((share) => ({
        expr: quantile(first, share, selection),
        legend: legendOf(`P${100 * share}`),
      }));
    case "ratio":
      return second === undefined ? [] : [{ expr: ratio(first, second, selection), legend: legendOf() }];
    case "rate":
      return [{ expr: `sum by (${labels}) (${rate(first, selection)})`, legend: legendOf(...own) }];
    case "gauge":
      return metrics.map((name) => ({
        expr: `sum by (${labels}) (${gauge(name, selection)})`,
        legend: legendOf(...(metrics.length > 1 ? [shortNameOf(name)] : []), ...own),
      }));
  }
}

function matchersOf(name: MetricName): string {
  return metricTable[name].isOfModel ? modelMatcher : serverMatcher;
}

/** `vllm:num_requests_running` → `requests running`. */
function shortNameOf(name: MetricName): string {
  return name
    .replace(/^(?:vllm:|pagoda:|nodejs_)/, "")
    .replace(/^num_/, "")
    .replace(/_(?:bytes|seconds|total)$/, "")
    .replaceAll("_", " ");
}

function drawn(
  panel: Panel,
  id: number,
  gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number },
): object {
  const [first] = panel.metrics;
  const { help } = metricTable[first as MetricName];
  const unit = unitOf(panel);
  return {
    ...{ id, type: "timeseries", title: panel.title, description: help, datasource, gridPos },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(unit === grafanaUnits.share ? { max: 1 } : {}),
        custom: {
          fillOpacity: panel.isStacked === true ? 30 : 0,
          stacking: { mode: panel.isStacked === true ? "normal" : "none", group: "A" },
        },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"] },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: targetsOf(panel).map((target) => ({ ...target, datasource })),
  };
}

function unitOf({ metrics, draws }: Panel): string {
  if (draws === "ratio") return grafanaUnits.share;
  // Seconds a second are cores.
  if (draws === "rate") return grafanaUnits.count;
  return grafanaUnits[metricTable[metrics[0] as MetricName].unit];
}

function variables(): readonly object[] {
  const choice = (name: string, query: string): object => ({
    ...{ name, label: name, type: "query", datasource, query, refresh: 2, sort: 1 },
    ...{ multi: true, includeAll: true, allValue: ".*", current: { text: "All", value: "$__all" } },
  });
  const series = '{__name__=~"vllm:num_requests_running|lmdeploy:num_requests_running"}';
  return [
    { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
    choice("job", `label_values(${series}, job)`),
    choice("instance", `label_values(${series}, instance)`),
    choice("model", `label_values(${series}, model_name)`),
  ];
}
