/** @module Events of the server and the last lines of its log, each with a filter that stands in the address. */
import { useEffect, useState } from "preact/hooks";
import type { AdminEvent, LogLine, LogsAnswer } from "../../../api/admin/observatory/index.ts";
import { type Page, setUrl, usePage, useStore } from "../../page/page-state.ts";
import { Table } from "../../page/table-twin.tsx";
import { connection } from "../../state/connection.ts";
import { ask } from "../../state/request.ts";
import type { TextName } from "../../text/en.ts";
import { logLevels, shownEvents, shownLines } from "./event-filter.ts";

const kinds = [
  "started",
  "ready",
  "refused",
  "preempted",
  "drained",
  "died",
  "state",
  "settings",
  "settings_effect",
] as const;
const mostRows = 200;
const mostLines = 1000;
const readEveryMs = 1500;

export function EventsPanel() {
  const page = usePage();
  const snapshot = useStore(connection.snapshot);
  if (snapshot === null) return <p class="quiet">{page.text("page.loading")}</p>;
  const filter = {
    kind: page.url.event ?? "",
    instance: page.url.of ?? "",
    words: page.url.words ?? "",
  };
  const shown = shownEvents(snapshot.events, filter);
  return (
    <>
      <section class="panel">
        <h2>{page.text("events.title")}</h2>
        <form class="fields" onSubmit={(event) => event.preventDefault()}>
          <Select
            label={page.text("events.kind")}
            name="event"
            options={kinds.map((kind) => [kind, kindName(page, kind)])}
          />
          <Select
            label={page.text("figure.instance")}
            name="of"
            options={Object.keys(snapshot.instances).map((id) => [id, id])}
          />
          <Words label={page.text("events.words")} name="words" />
        </form>
        <EventTable events={shown} />
      </section>
      <Log />
    </>
  );
}

function kindName(page: Page, kind: string): string {
  return kinds.some((known) => known === kind) ? page.text(`event.${kind}` as TextName) : kind;
}

interface FieldProps {
  readonly label: string;
  /** The parameter of the address. */
  readonly name: string;
}

function Select({ label, name, options }: FieldProps & { readonly options: readonly (readonly string[])[] }) {
  const page = usePage();
  return (
    <label>
      {label}
      <select
        value={page.url[name] ?? ""}
        onChange={({ currentTarget: { value } }) => setUrl({ [name]: value === "" ? null : value })}
      >
        <option value="">{page.text("events.any")}</option>
        {options.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

function Words({ label, name }: FieldProps) {
  const page = usePage();
  return (
    <label>
      {label}
      <input
        type="search"
        value={page.url[name] ?? ""}
        onInput={({ currentTarget: { value } }) => setUrl({ [name]: value === "" ? null : value })}
      />
    </label>
  );
}

const timeOf = (page: Page, unixMs: number): string => new Date(unixMs).toLocaleTimeString(page.language);

function EventTable({ events }: { readonly events: readonly AdminEvent[] }) {
  const page = usePage();
  if (events.length === 0) return <p class="quiet">{page.text("events.none")}</p>;
  return (
    <div class="journal">
      <Table
        caption={page.text("events.title")}
        columns={[
          { title: page.text("history.time") },
          { title: page.text("events.kind") },
          { title: page.text("figure.instance") },
          { title: page.text("events.message") },
          { title: page.text("events.by") },
        ]}
        rows={events.slice(0, mostRows).map(({ unixMs, kind, instanceId, message, by }) => [
          timeOf(page, unixMs),
          <span key="kind" class={`event is-${kind}`}>
            {kindName(page, kind)}
          </span>,
          instanceId ?? "–",
          <span key="message" lang="en">
            {message}
          </span>,
          by ?? "–",
        ])}
      />
    </div>
  );
}

/** null: the server keeps no log for this page. */
function useLog(): readonly LogLine[] | null {
  const [lines, setLines] = useState<readonly LogLine[] | null>([]);
  useEffect(() => {
    let isGone = false;
    let known: readonly LogLine[] = [];
    const read = async (): Promise<void> => {
      if (document.hidden) return;
      const last = known.at(-1)?.lineId ?? 0;
      const answer = await ask<LogsAnswer>(`admin/logs?after=${last}`);
      if (isGone) return;
      if (!answer.ok) return setLines(null);
      if (answer.value.lines.length === 0 && last > 0) return;
      known = [...known, ...answer.value.lines].slice(-mostLines);
      setLines(known);
    };
    void read();
    const timer = setInterval(() => void read(), readEveryMs);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, []);
  return lines;
}

function Log() {
  const page = usePage();
  const lines = useLog();
  if (lines === null)
    return (
      <section class="panel">
        <p class="quiet">{page.text("logs.unreported")}</p>
      </section>
    );
  const shown = shownLines(lines, page.url.level ?? "", page.url.log ?? "");
  return (
    <section class="panel">
      <h2>{page.text("logs.title")}</h2>
      <form class="fields" onSubmit={(event) => event.preventDefault()}>
        <Select
          label={page.text("logs.level")}
          name="level"
          options={logLevels.map((level) => [level, level])}
        />
        <Words label={page.text("events.words")} name="log" />
      </form>
      {shown.length === 0 ? (
        <p class="quiet">{page.text("logs.none")}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        <section class="log scroll" tabIndex={0} aria-label={page.text("logs.title")}>
          <ol lang="en">
            {shown.slice(0, mostRows).map(({ lineId, unixMs, level, message }) => (
              <li key={lineId} class={`level-${level}`}>
                <time>{timeOf(page, unixMs)}</time> <b>{level}</b> <span>{message}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
      <p class="quiet">
        {page.text("logs.count", {
          n: page.whole(Math.min(shown.length, mostRows)),
          all: page.whole(lines.length),
        })}
      </p>
    </section>
  );
}
