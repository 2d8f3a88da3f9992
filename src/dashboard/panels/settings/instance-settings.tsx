/** @module The settings of an instance as a form: each number with what holds now, its ceiling, and what a change would mean. */
import { useState } from "preact/hooks";
import type { InstanceSnapshot, SettingsState } from "../../../api/admin/observatory/index.ts";
import { usePage } from "../../page/page-state.ts";
import { effectOf } from "./change-effect.ts";
import {
  type ChangeSettings,
  numberRows,
  numberSettings,
  type SettingRow,
  type Typed,
  typedValue,
} from "./setting-rows.ts";

export interface InstanceSettingsProps {
  readonly state: SettingsState;
  readonly instance: InstanceSnapshot;
  readonly onChange: ChangeSettings;
}

export function InstanceSettings({ state, instance, onChange }: InstanceSettingsProps) {
  const page = usePage();
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  // null: as it is.
  const [chosen, setChosen] = useState<boolean | null>(null);
  const caches = chosen ?? state.requested.prefixCaching;
  const rows = numberRows(state).map((row) => ({ row, typed: typedValue(texts[row.name], row) }));
  const changes = changesOf(rows, caches === state.requested.prefixCaching ? null : caches);
  const canApply = Object.keys(changes).length > 0 && rows.every(({ typed }) => typed.kind !== "wrong");
  const apply = async (): Promise<void> => {
    if (!(await onChange(changes))) return;
    setTexts({});
    setChosen(null);
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (canApply) void apply();
  };
  return (
    <form class="settings" onSubmit={submit}>
      {rows.map(({ row, typed }) => (
        <NumberField
          key={row.name}
          row={row}
          typed={typed}
          text={texts[row.name] ?? ""}
          instance={instance}
          onInput={(text) => setTexts({ ...texts, [row.name]: text })}
        />
      ))}
      <div class="setting">
        <label class="check">
          <input
            type="checkbox"
            checked={caches}
            onChange={({ currentTarget }) => setChosen(currentTarget.checked)}
          />
          {page.text("settings.prefixCaching")}
        </label>
        <p class="effect">{caches ? "" : lossWithoutCache(page, instance)}</p>
      </div>
      <div class="row">
        <button type="submit" class="primary" disabled={!canApply}>
          {page.text("settings.apply")}
        </button>
        <button type="button" onClick={() => void onChange({ resetPrefixCache: true })}>
          {page.text("settings.resetCache")}
        </button>
      </div>
    </form>
  );
}

function lossWithoutCache(page: ReturnType<typeof usePage>, { rates }: InstanceSnapshot): string {
  const share = rates?.prefixHitRate ?? null;
  if (share === null) return page.text("settings.effect.noCache");
  return page.text("settings.effect.noCacheShare", { n: page.decimal(100 * share, 0) });
}

type TypedRow = { readonly row: SettingRow; readonly typed: Typed };

/** What is sent; values beyond their ceilings go along, so that the server answers with the command of a restart. */
function changesOf(rows: readonly TypedRow[], caches: boolean | null): Readonly<Record<string, unknown>> {
  const numbers = rows.flatMap(({ row, typed }) =>
    typed.kind === "change" || typed.kind === "restart" ? [[row.name, typed.value] as const] : [],
  );
  return { ...Object.fromEntries(numbers), ...(caches === null ? {} : { prefixCaching: caches }) };
}

interface NumberFieldProps extends TypedRow {
  readonly text: string;
  readonly instance: InstanceSnapshot;
  onInput(text: string): void;
}

function NumberField({ row, typed, text, instance, onInput }: NumberFieldProps) {
  const page = usePage();
  const { name, requested, effective, ceiling } = row;
  const note = (): string => {
    if (typed.kind === "wrong") return page.text("settings.wrong");
    if (typed.kind === "restart")
      return page.text("settings.beyond", { most: page.whole(ceiling ?? 0), flag: numberSettings[name] });
    return typed.kind === "change" ? (effectOf(page, row, typed.value, instance) ?? "") : "";
  };
  return (
    <div class={`setting is-${typed.kind}`}>
      <label for={name}>
        {page.text(`settings.${name}`)} <code>{numberSettings[name]}</code>
      </label>
      <span class="held">
        {effective === requested
          ? page.text("settings.held", { n: page.whole(effective) })
          : page.text("settings.draining", { n: page.whole(effective), to: page.whole(requested) })}
        {ceiling === null ? "" : page.text("settings.most", { n: page.whole(ceiling) })}
      </span>
      <input
        id={name}
        inputMode="numeric"
        value={text}
        placeholder={String(requested)}
        aria-invalid={typed.kind === "wrong"}
        aria-describedby={`${name}-effect`}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
      <p id={`${name}-effect`} class="effect">
        {note()}
      </p>
    </div>
  );
}
