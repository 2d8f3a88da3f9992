/** @module Lines and points over two axes, as wide as its place: its letters keep their size on a narrow screen. */
import { useEffect, useRef, useState } from "preact/hooks";
import { axisOf, type Scale } from "./axis.ts";

/** In the units of the axes. */
interface Coordinates {
  readonly x: number;
  readonly y: number;
}

export interface Line {
  /** A class of the style sheet. */
  readonly kind: string;
  /** null: a gap. */
  readonly points: readonly (Coordinates | null)[];
}

export interface Mark extends Coordinates {
  readonly kind: string;
  /** What it is, for who points at it. */
  readonly label: string;
  /** Written beside it. */
  readonly name?: string;
}

export interface ChartProps {
  /** What it shows, in a sentence; its numbers are in a table beside it. */
  readonly label: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly lines?: readonly Line[];
  readonly marks?: readonly Mark[];
  /** Lines across, such as a limit. */
  readonly limits?: Partial<Coordinates>;
  readonly xScale?: Scale;
  readonly fromZero?: boolean;
  readonly height?: number;
  xFormat(value: number): string;
  yFormat(value: number): string;
}

const margin = { left: 58, right: 14, top: 22, bottom: 42 } as const;
const leastWidth = 240;
/** Pixels that a tick of the lower axis needs. */
const tickWidth = 84;

function useWidth() {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  useEffect(() => {
    const { current } = place;
    if (current === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(leastWidth, Math.round(entry.contentRect.width)));
    });
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return { place, width };
}

/** Where things are drawn, in pixels. */
interface Frame {
  readonly width: number;
  readonly height: number;
  readonly right: number;
  readonly bottom: number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
  atX(value: number): number;
  atY(value: number): number;
}

function frameOf(props: ChartProps, width: number): Frame {
  const { lines = [], marks = [], limits = {}, xScale = "decimal", fromZero = true, height = 240 } = props;
  const points = [...lines.flatMap((line) => line.points.filter((point) => point !== null)), ...marks];
  const numTicks = Math.max(2, Math.floor((width - margin.left) / tickWidth));
  const [right, bottom] = [width - margin.right, height - margin.bottom];
  const xs = points.map(({ x }) => x).concat(limits.x ?? []);
  const ys = points.map(({ y }) => y).concat(limits.y ?? []);
  const x = axisOf(xs, { numTicks, scale: xScale, fromZero });
  const y = axisOf(ys, { numTicks: 4 });
  return {
    ...{ width, height, right, bottom, xTicks: x.ticks, yTicks: y.ticks },
    atX: (value) => margin.left + ((value - x.low) / (x.high - x.low)) * (right - margin.left),
    atY: (value) => bottom - ((value - y.low) / (y.high - y.low)) * (bottom - margin.top),
  };
}

export function Chart(props: ChartProps) {
  const { lines = [], marks = [], limits = {} } = props;
  const { place, width } = useWidth();
  const frame = frameOf(props, width);
  const { height, right, bottom, atX, atY } = frame;
  return (
    <div ref={place} class="chart">
      <svg width={width} height={height} role="img" aria-label={props.label}>
        <Axes {...props} frame={frame} />
        {limits.x === undefined ? null : (
          <line class="limit" x1={atX(limits.x)} x2={atX(limits.x)} y1={margin.top} y2={bottom} />
        )}
        {limits.y === undefined ? null : (
          <line class="limit" x1={margin.left} x2={right} y1={atY(limits.y)} y2={atY(limits.y)} />
        )}
        {lines.map((line) => (
          <path key={line.kind} class={`line is-${line.kind}`} d={pathOf(line.points, atX, atY)} />
        ))}
        {marks.map((mark) => (
          <Point key={`${mark.kind} ${mark.label}`} mark={mark} frame={frame} />
        ))}
      </svg>
    </div>
  );
}

function Axes({ frame, xTitle, yTitle, xFormat, yFormat }: ChartProps & { readonly frame: Frame }) {
  const { height, right, bottom, xTicks, yTicks, atX, atY } = frame;
  return (
    <>
      {xTicks.map((tick) => (
        <g key={`x${tick}`}>
          <line class="grid" x1={atX(tick)} x2={atX(tick)} y1={margin.top} y2={bottom} />
          <text x={atX(tick)} y={bottom + 16} text-anchor={tick === xTicks.at(-1) ? "end" : "middle"}>
            {xFormat(tick)}
          </text>
        </g>
      ))}
      {yTicks.map((tick) => (
        <g key={`y${tick}`}>
          <line class="grid" x1={margin.left} x2={right} y1={atY(tick)} y2={atY(tick)} />
          <text x={margin.left - 6} y={atY(tick) + 4} text-anchor="end">
            {yFormat(tick)}
          </text>
        </g>
      ))}
      <text class="title" x={right} y={height - 6} text-anchor="end">
        {xTitle}
      </text>
      <text class="title" x={margin.left} y={margin.top - 8}>
        {yTitle}
      </text>
    </>
  );
}

/** A point, with its name on the side that has room. */
function Point({ mark, frame }: { readonly mark: Mark; readonly frame: Frame }) {
  const [x, y] = [frame.atX(mark.x), frame.atY(mark.y)];
  const isRight = x > frame.width / 2;
  const isTop = y < margin.top + 28;
  return (
    <g class={`point is-${mark.kind}`}>
      <circle cx={x} cy={y} r={5}>
        <title>{mark.label}</title>
      </circle>
      {mark.name === undefined ? null : (
        <text x={x + (isRight ? -9 : 9)} y={y + (isTop ? 20 : -9)} text-anchor={isRight ? "end" : "start"}>
          {mark.name}
        </text>
      )}
    </g>
  );
}

type Place = (value: number) => number;

function pathOf(points: readonly (Coordinates | null)[], atX: Place, atY: Place): string {
  let path = "";
  let isDown = false;
  for (const point of points) {
    if (point !== null) path += `${isDown ? "L" : "M"}${atX(point.x).toFixed(1)} ${atY(point.y).toFixed(1)}`;
    isDown = point !== null;
  }
  return path;
}
