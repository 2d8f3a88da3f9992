/** @module The report as one HTML file: plots and tables without a script, a font or a request. */
import { describeValue, figureOf, type MetricName } from "../goal/goal.ts";
import { markdownTables } from "./markdown.ts";
import { kindOf, paretoPoints } from "./pareto-points.ts";
import { escapeXml, type PlotPoint, scatterPlot } from "./scatter-plot.ts";
import type { TuneReport } from "./tune-report.ts";

const style = `
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --grid: #ddd; --soft: #666; --a: #b3501e; --b: #12714a; --s: #9bb1c9; --t: #3a6ea5; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161616; --grid: #333; --soft: #aaa; --a: #f0935f; --b: #5fd3a0; --s: #51657c; --t: #7fb0e6; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--grid); }
svg { width: 100%; max-width: 640px; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .title { font-size: 14px; font-weight: 600; }
.grid { stroke: var(--grid); } .limit { stroke: var(--a); stroke-dasharray: 6 4; } .front { fill: none; stroke: var(--t); }
.simulated { fill: var(--s); } .trial { fill: var(--t); } .present { fill: var(--a); } .winner { fill: var(--b); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 14px; } th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--grid); white-space: nowrap; }
.key span { margin-right: 1.2rem; } .dot { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .35em; }
`;

export function htmlReport(report: TuneReport): string {
  const title = `Tuning of ${report.model}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeXml(title)}</h1>
<p><strong>${escapeXml(report.verdict)}</strong></p>
<pre>${escapeXml(report.serveCommand)}</pre>
<p>Goal: ${escapeXml(report.goalText)}. Load: ${escapeXml(report.load)}. Machine: ${escapeXml(report.machine)}.</p>
<h2>Pareto front</h2>
${paretoPlot(report)}
${key}
<h2>Predicted against measured</h2>
${predictionPlots(report)}
${markdownTables(report)
  .map(({ heading, header, rows }) => htmlTable(heading, header, rows))
  .join("\n")}
<h2>Notes</h2>
<ul>${report.notes.map((note) => `<li>${escapeXml(note)}</li>`).join("")}</ul>
<p>To repeat:</p>
<pre>${escapeXml(report.command)}</pre>
<p>${escapeXml(report.createdAt)}, Pagoda ${escapeXml(report.pagodaVersion)}, Node ${escapeXml(report.nodeVersion)}</p>
</body>
</html>
`;
}

const key = `<p class="key">${[
  ["s", "simulated"],
  ["t", "trial"],
  ["a", "present"],
  ["b", "winner"],
]
  .map(([color, name]) => `<span><span class="dot" style="background:var(--${color})"></span>${name}</span>`)
  .join("")}</p>`;

function paretoPlot(report: TuneReport): string {
  const { metrics, points, front, limits } = paretoPoints(report);
  const [x, y] = metrics;
  const shown = points.map((point): PlotPoint => {
    const figures = `${x} ${describeValue(x, point.x)}, ${y} ${describeValue(y, point.y)}`;
    const what = point.kind === "simulated" ? "simulated" : "trial";
    return { ...point, label: `${what} ${point.flags || "present"}: ${figures}` };
  });
  return scatterPlot(shown, {
    title: `${y} over ${x}, with the front of the trials`,
    xLabel: axisOf(x),
    yLabel: axisOf(y),
    line: front,
    xLimit: limits[0],
    yLimit: limits[1],
  });
}

function axisOf(metric: MetricName): string {
  return /ttft|itl|e2e/.test(metric) ? `${metric} (ms)` : metric;
}

function predictionPlots(report: TuneReport): string {
  const both = report.trials.flatMap(({ predicted, outcome, flags }) =>
    predicted === null ? [] : [{ predicted: { ...outcome, figures: predicted }, measured: outcome, flags }],
  );
  if (both.length === 0) return "<p>This engine was not simulated.</p>";
  return (["tokens/s", "p99-ttft"] as const)
    .map((metric) => {
      const points = both.map(({ predicted, measured, flags }) => ({
        x: figureOf(metric, measured),
        y: figureOf(metric, predicted),
        kind: kindOf(report, flags),
        label: `${flags || "present"}: measured ${describeValue(metric, figureOf(metric, measured))}, predicted ${describeValue(metric, figureOf(metric, predicted))}`,
      }));
      const all = points.flatMap((point) => [point.x, point.y]);
      const [low, high] = [Math.min(...all), Math.max(...all)];
      return scatterPlot(points, {
        title: `${metric}: predicted over measured; on the line they are equal`,
        xLabel: `measured ${axisOf(metric)}`,
        yLabel: `predicted ${axisOf(metric)}`,
        line: [
          { x: low, y: low },
          { x: high, y: high },
        ],
        xLimit: null,
        yLimit: null,
      });
    })
    .join("\n");
}

function htmlTable(heading: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: "th" | "td", row: readonly string[]): string =>
    `<tr>${row.map((text) => `<${tag}>${escapeXml(text)}</${tag}>`).join("")}</tr>`;
  return `<h2>${escapeXml(heading)}</h2>
<div class="scroll"><table><thead>${cells("th", header)}</thead><tbody>${rows.map((row) => cells("td", row)).join("")}</tbody></table></div>`;
}
