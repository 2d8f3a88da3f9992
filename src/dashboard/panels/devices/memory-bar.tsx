/** @module A bar of memory: outlines as planned, fills as held; each part says both numbers and how they are known. */
import { formatBytes } from "../../../core/byte-size.ts";
import { type Page, usePage } from "../../page/page-state.ts";
import type { TextName } from "../../text/en.ts";
import { type Part, widthOf } from "./device-bar.ts";

const named = new Set<string>([
  "runtime",
  "weights",
  "persistent",
  "workspace",
  "activations",
  "graphs",
  "state",
  "kvPool",
  "tables",
  "other",
  "server",
  "foreign",
  "free",
]);

/** A component that a newer server has keeps its own name. */
export function componentName(page: Page, component: string): string {
  return named.has(component) ? page.text(`component.${component}` as TextName) : component;
}

export const bytesOr = (bytes: number | null): string => (bytes === null ? "–" : formatBytes(bytes));

export function describePart(page: Page, part: Part): string {
  const values = {
    component: componentName(page, part.component),
    instance: part.owner ?? "",
    planned: bytesOr(part.plannedBytes),
    actual: bytesOr(part.actualBytes),
    evidence: page.text(`evidence.${part.evidence}`),
  };
  return page.text(part.owner === null ? "devices.part.free" : "devices.part", values);
}

export interface MemoryBarProps {
  readonly label: string;
  readonly parts: readonly Part[];
  readonly scaleBytes: number;
  readonly selected: string | null;
  onSelect(key: string | null): void;
}

const percent = (share: number): string => `${(100 * share).toFixed(4)}%`;

export function MemoryBar({ label, parts, scaleBytes, selected, onSelect }: MemoryBarProps) {
  return (
    <ul class="memory-bar" aria-label={label}>
      {parts
        .filter((part) => widthOf(part) > 0)
        .map((part) => (
          <BarPart
            key={part.key}
            part={part}
            scaleBytes={scaleBytes}
            isSelected={part.key === selected}
            onSelect={onSelect}
          />
        ))}
    </ul>
  );
}

interface BarPartProps extends Pick<MemoryBarProps, "scaleBytes" | "onSelect"> {
  readonly part: Part;
  readonly isSelected: boolean;
}

function BarPart({ part, scaleBytes, isSelected, onSelect }: BarPartProps) {
  const page = usePage();
  const width = widthOf(part);
  const filled = (part.actualBytes ?? 0) / width;
  const outlined = part.plannedBytes === null ? null : part.plannedBytes / width;
  return (
    <li style={{ width: percent(width / scaleBytes) }} data-key={part.key}>
      <button
        type="button"
        class={`part is-${part.component}`}
        aria-label={describePart(page, part)}
        aria-pressed={isSelected}
        onMouseEnter={() => onSelect(part.key)}
        onMouseLeave={() => onSelect(null)}
        onFocus={() => onSelect(part.key)}
        onClick={() => onSelect(part.key)}
      >
        <span class="fill" style={{ width: percent(filled) }} />
        {outlined === null ? null : <span class="outline" style={{ width: percent(outlined) }} />}
      </button>
    </li>
  );
}
