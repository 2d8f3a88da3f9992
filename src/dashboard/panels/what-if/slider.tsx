/** @module A slider over a list of values whose first place is "as it is". */
import { usePage } from "../../page/page-state.ts";

export interface SliderProps {
  readonly id: string;
  readonly label: string;
  readonly help?: string;
  /** Rising. */
  readonly values: readonly number[];
  /** null: left alone. */
  readonly value: number | null;
  /** What is in force where it is left alone; null: unknown. */
  readonly fallback: number | null;
  format(value: number): string;
  onChange(value: number | null): void;
}

/** The place of the nearest value. */
function placeOf(values: readonly number[], value: number): number {
  let best = 0;
  for (const [at, candidate] of values.entries())
    if (Math.abs(candidate - value) < Math.abs((values[best] ?? 0) - value)) best = at;
  return best;
}

export function Slider({ id, label, help, values, value, fallback, format, onChange }: SliderProps) {
  const page = usePage();
  const shown = value ?? fallback;
  const text = shown === null ? page.text("whatif.default") : format(shown);
  return (
    <div class={value === null ? "slider" : "slider is-set"}>
      <label for={id}>
        {label}
        {help === undefined ? null : <small> {help}</small>}
      </label>
      <output for={id}>
        {text}
        {value === null && shown !== null ? <small> {page.text("whatif.default")}</small> : null}
      </output>
      <input
        id={id}
        type="range"
        min={0}
        max={values.length - 1}
        value={shown === null ? 0 : placeOf(values, shown)}
        aria-valuetext={text}
        onInput={({ currentTarget }) => onChange(values[Number(currentTarget.value)] ?? null)}
      />
      <button
        type="button"
        class="reset"
        aria-label={`${page.text("whatif.reset")}: ${label}`}
        disabled={value === null}
        onClick={() => onChange(null)}
      >
        ↺
      </button>
    </div>
  );
}
