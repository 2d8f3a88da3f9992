/** @module A plot of points as SVG, readable without a script. */

export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  /** A class of the page's style sheet. */
  readonly kind: "simulated" | "trial" | "present" | "winner";
  /** Shown on hover, and read by screen readers. */
  readonly label: string;
}

export interface PlotOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Drawn as a line through these points, in order. */
  readonly line: readonly { readonly x: number; readonly y: number }[];
  /** A limit, drawn across. */
  readonly xLimit: number | null;
  readonly yLimit: number | null;
}

const width = 640;
const height = 400;
const margin = { left: 70, right: 20, top: 30, bottom: 50 } as const;
const radius = { simulated: 3, trial: 4, present: 7, winner: 7 } as const;

export function scatterPlot(points: readonly PlotPoint[], options: PlotOptions): string {
  const x = scaleOf(
    [...points.map((point) => point.x), ...(options.xLimit === null ? [] : [options.xLimit])],
    [margin.left, width - margin.right],
  );
  const y = scaleOf(
    [...points.map((point) => point.y), ...(options.yLimit === null ? [] : [options.yLimit])],
    [height - margin.bottom, margin.top],
  );
  const order = ["simulated", "trial", "present", "winner"] as const;
  const circles = order.flatMap((kind) =>
    points
      .filter((point) => point.kind === kind)
      .map(
        (point) =>
          `<circle class="${kind}" cx="${round(x.at(point.x))}" cy="${round(y.at(point.y))}" r="${radius[kind]}"><title>${escapeXml(point.label)}</title></circle>`,
      ),
  );
  const path = options.line.map(
    (point, i) => `${i === 0 ? "M" : "L"}${round(x.at(point.x))} ${round(y.at(point.y))}`,
  );
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(options.title)}">`,
    `<text class="title" x="${margin.left}" y="18">${escapeXml(options.title)}</text>`,
    ...x.ticks.map(
      (tick) =>
        `<line class="grid" x1="${round(x.at(tick))}" x2="${round(x.at(tick))}" y1="${margin.top}" y2="${height - margin.bottom}"/><text class="tick" x="${round(x.at(tick))}" y="${height - margin.bottom + 16}" text-anchor="middle">${tickText(tick)}</text>`,
    ),
    ...y.ticks.map(
      (tick) =>
        `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${round(y.at(tick))}" y2="${round(y.at(tick))}"/><text class="tick" x="${margin.left - 6}" y="${round(y.at(tick) + 4)}" text-anchor="end">${tickText(tick)}</text>`,
    ),
    `<text class="axis" x="${(margin.left + width - margin.right) / 2}" y="${height - 10}" text-anchor="middle">${escapeXml(options.xLabel)}</text>`,
    `<text class="axis" transform="translate(16 ${(height - margin.bottom + margin.top) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(options.yLabel)}</text>`,
    options.xLimit === null
      ? ""
      : `<line class="limit" x1="${round(x.at(options.xLimit))}" x2="${round(x.at(options.xLimit))}" y1="${margin.top}" y2="${height - margin.bottom}"/>`,
    options.yLimit === null
      ? ""
      : `<line class="limit" x1="${margin.left}" x2="${width - margin.right}" y1="${round(y.at(options.yLimit))}" y2="${round(y.at(options.yLimit))}"/>`,
    path.length > 1 ? `<path class="front" d="${path.join("")}"/>` : "",
    ...circles,
    "</svg>",
  ].join("\n");
}

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Linear, with round ticks that enclose all values. */
function scaleOf(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const finite = values.filter(Number.isFinite);
  const [low, high] = finite.length === 0 ? [0, 1] : [Math.min(...finite), Math.max(...finite)];
  const step = niceStep((high - low || Math.abs(high) || 1) / 5);
  const first = Math.floor(low / step) * step;
  const last = Math.max(first + step, Math.ceil(high / step) * step);
  const numSteps = Math.round((last - first) / step);
  return {
    at: (value) => from + ((value - first) / (last - first)) * (to - from),
    ticks: Array.from({ length: numSteps + 1 }, (_, i) => first + i * step),
  };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough) ?? 10;
  return factor * power;
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
