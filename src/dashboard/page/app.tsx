/** @module The frame of the page: header, views, and the view that the address names. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Header } from "./header.tsx";
import { PageContext, pageOf, setUrl, urlStore, usePage, useStore } from "./page-state.ts";
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
          <View key={view} name={view} />
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
