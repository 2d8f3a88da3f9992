/** @module Settings of the server as a whole: its log, its queue, and its router where it has one. */
import { useState } from "preact/hooks";
import type { SettingsAnswer } from "../../../api/admin/observatory/index.ts";
import { usePage } from "../../page/page-state.ts";
import type { ChangeSettings } from "./setting-rows.ts";

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
const policies = ["cost", "least_loaded", "round_robin"] as const;

export interface ServerSettingsProps {
  readonly settings: SettingsAnswer;
  readonly onChange: ChangeSettings;
}

/** Field → what stands there; only what differs is sent. */
function fieldsOf({ logLevel, maxQueue, router }: SettingsAnswer): Readonly<Record<string, string>> {
  const own = { logLevel, maxQueue: maxQueue === null ? "" : String(maxQueue) };
  if (router === null) return own;
  const { policy, maxWaiting, queueDeadlineMs } = router;
  return {
    ...own,
    routerPolicy: policy,
    routerMaxWaiting: String(maxWaiting),
    routerQueueDeadlineMs: String(queueDeadlineMs),
  };
}

const isNumber = (name: string): boolean => name !== "logLevel" && name !== "routerPolicy";

export function ServerSettings({ settings, onChange }: ServerSettingsProps) {
  const page = usePage();
  const before = fieldsOf(settings);
  const [fields, setFields] = useState(before);
  const changed = Object.entries(fields).filter(([name, text]) => text !== before[name] && text !== "");
  const isWrong = changed.some(([name, text]) => isNumber(name) && !/^\d+$/.test(text));
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const values = changed.map(([name, text]) => [name, isNumber(name) ? Number(text) : text]);
    void onChange(Object.fromEntries(values));
  };
  const set = (name: string, text: string): void => setFields({ ...fields, [name]: text });
  return (
    <section class="panel" aria-labelledby="server-title">
      <h2 id="server-title">{page.text("settings.server")}</h2>
      <form class="settings columns" onSubmit={submit}>
        <Choice name="logLevel" value={fields.logLevel ?? ""} options={logLevels} onChange={set} />
        <Field name="maxQueue" value={fields.maxQueue ?? ""} onChange={set} />
        {settings.router === null ? null : (
          <>
            <Choice name="routerPolicy" value={fields.routerPolicy ?? ""} options={policies} onChange={set} />
            <Field name="routerMaxWaiting" value={fields.routerMaxWaiting ?? ""} onChange={set} />
            <Field name="routerQueueDeadlineMs" value={fields.routerQueueDeadlineMs ?? ""} onChange={set} />
          </>
        )}
        <div class="row">
          <button type="submit" class="primary" disabled={changed.length === 0 || isWrong}>
            {page.text("settings.apply")}
          </button>
        </div>
      </form>
    </section>
  );
}

type ServerSetting = "logLevel" | "maxQueue" | "routerPolicy" | "routerMaxWaiting" | "routerQueueDeadlineMs";

interface FieldProps {
  readonly name: ServerSetting;
  readonly value: string;
  onChange(name: string, value: string): void;
}

function Choice({ name, value, options, onChange }: FieldProps & { readonly options: readonly string[] }) {
  const page = usePage();
  return (
    <div class="choice">
      <label for={name}>{page.text(`settings.${name}`)}</label>
      <select
        id={name}
        class="tall"
        value={value}
        onChange={({ currentTarget }) => onChange(name, currentTarget.value)}
      >
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </div>
  );
}

function Field({ name, value, onChange }: FieldProps) {
  const page = usePage();
  return (
    <div class="choice">
      <label for={name}>{page.text(`settings.${name}`)}</label>
      <input
        id={name}
        class="tall"
        inputMode="numeric"
        value={value}
        placeholder={page.text("settings.anyNumber")}
        onInput={({ currentTarget }) => onChange(name, currentTarget.value)}
      />
    </div>
  );
}
