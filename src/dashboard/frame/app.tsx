/** @module The frame of the page: header, views, and the view that the address names. */
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { PageContext, pageOf, setUrl, urlStore, usePage, useStore } from "../page/page-state.ts";
import { connection } from "../state/connection.ts";
import { Header } from "./header.tsx";
import { KeyForm, Refused } from "./key-form.tsx";
import { loadView, type ViewName, viewNames, viewOf } from "./views.ts";

export function App() {
  const url = useStore(urlStore);
  const page = pageOf(url);
  const view = viewOf(url.view);
  const theme = url.theme === "light" || url.theme === "dark" ? url.theme : "";
  useEffect(() => {
    document.documentElement.lang = page.language;
    document.documentElement.dataset.theme = theme;
    document.title = `${page.text(`view.${view}`)} · ${page.text("page.title")}`;
  }, [page.language, theme, view]);
  return (
    <PageContext.Provider value={page}>
      <a class="skip" href="#content">
        {page.text("page.skip")}
      </a>
      <Header />
      <div class="frame">
        <Views current={view} />
        <main id="content" tabIndex={-1}>
          <Entrance>
            <View key={view} name={view} />
          </Entrance>
        </main>
      </div>
    </PageContext.Provider>
  );
}

function Views({ current }: { readonly current: ViewName }) {
  const page = usePage();
  const open = (event: MouseEvent, view: ViewName): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    setUrl({ view }, "push");
  };
  return (
    <nav class="views" aria-label={page.text("page.views")}>
      {viewNames.map((view) => (
        <a
          key={view}
          href={`?view=${view}`}
          aria-current={view === current ? "page" : undefined}
          onClick={(event) => open(event, view)}
        >
          {page.text(`view.${view}`)}
        </a>
      ))}
    </nav>
  );
}

/** Shows what is inside unless the server wants a key first. */
function Entrance({ children }: { readonly children: ComponentChildren }): ComponentChildren {
  const state = useStore(connection.state);
  if (state === "needsKey") return <KeyForm />;
  if (state === "refused") return <Refused />;
  return children;
}

function View({ name }: { readonly name: ViewName }) {
  const page = usePage();
  const [Panel, setPanel] = useState<ComponentType | null>(() => ready(loadView[name]()));
  useEffect(() => {
    if (Panel !== null) return;
    let isGone = false;
    Promise.resolve(loadView[name]()).then(
      (loaded) => {
        if (!isGone) setPanel(() => loaded);
      },
      // The server was replaced by one of another build: its files have other names.
      () => location.reload(),
    );
    return () => {
      isGone = true;
    };
  }, [name]);
  return Panel === null ? <p class="quiet">{page.text("page.loading")}</p> : <Panel />;
}

function ready(loaded: Promise<ComponentType> | ComponentType): ComponentType | null {
  return loaded instanceof Promise ? null : loaded;
}
