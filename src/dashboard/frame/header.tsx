/** @module The head of the page: the name, the model with its state, language and theme. */

import { setUrl, usePage, useStore } from "../page/page-state.ts";
import { stateName } from "../page/state-name.ts";
import { connection } from "../state/connection.ts";
import { forgetKey, keyStore } from "../state/request.ts";
import { languages } from "../text/language.ts";

export function Header() {
  const page = usePage();
  return (
    <header class="head">
      <h1>
        <Mark />
        {page.text("page.title")}
      </h1>
      <Models />
      <span class="spring" />
      <Liveness />
      <ForgetKey />
      <Theme />
      <select
        aria-label={page.text("page.language")}
        value={page.language}
        onChange={(event) => setUrl({ lang: event.currentTarget.value })}
      >
        {Object.entries(languages).map(([tag, name]) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </header>
  );
}

function Models() {
  const page = usePage();
  const snapshot = useStore(connection.snapshot);
  if (snapshot === null) return null;
  const models = new Map(Object.values(snapshot.instances).map(({ model, state }) => [model, state]));
  return (
    <ul class="models">
      {[...models].map(([model, state]) => (
        <li key={model}>
          {model} <span class={`state is-${state}`}>{stateName(page, state)}</span>
        </li>
      ))}
    </ul>
  );
}

function Liveness() {
  const page = usePage();
  const state = useStore(connection.state);
  const name = state === "needsKey" || state === "refused" ? "closed" : state;
  return (
    <span class={`liveness is-${name}`} role="status">
      {page.text(`page.connection.${name}`)}
    </span>
  );
}

/** Only where a key is kept in this tab. */
function ForgetKey() {
  const page = usePage();
  const key = useStore(keyStore);
  if (key === null) return null;
  return (
    <button type="button" onClick={forgetKey}>
      {page.text("key.forget")}
    </button>
  );
}

function Theme() {
  const page = usePage();
  const current = page.url.theme ?? "auto";
  return (
    <select
      aria-label={page.text("page.theme")}
      value={current}
      onChange={({ currentTarget: { value } }) => setUrl({ theme: value === "auto" ? null : value })}
    >
      {(["auto", "light", "dark"] as const).map((theme) => (
        <option key={theme} value={theme}>
          {page.text(`page.theme.${theme}`)}
        </option>
      ))}
    </select>
  );
}

/** Three roofs, one above the other. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M12 1v3M6 8q4-1 6-4 2 3 6 4M8 8v4M16 8v4M4 15q5-1 8-3 3 2 8 3M7 15v3M17 15v3M2 22q6-1 10-4 4 3 10 4" />
    </svg>
  );
}
