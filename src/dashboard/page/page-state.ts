/** @module What every component may read: the address, the language, and a way to change both. */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { Store } from "../state/store.ts";
import { changedUrl, readUrl, type UrlState } from "../state/url-state.ts";
import type { TextName } from "../text/en.ts";
import { type Language, languageOf, textIn } from "../text/language.ts";

export function useStore<Value>(store: Store<Value>): Value {
  const [value, setValue] = useState(store.value);
  useEffect(() => {
    setValue(store.value);
    return store.subscribe(() => setValue(store.value));
  }, [store]);
  return value;
}

export type UrlChanges = Readonly<Record<string, string | null>>;

export const urlStore = new Store<UrlState>(readUrl(location.search));
addEventListener("popstate", () => urlStore.set(readUrl(location.search)));

/** Sliders replace the entry of the history, a change of view adds one. */
export function setUrl(changes: UrlChanges, how: "push" | "replace" = "replace"): void {
  const search = changedUrl(urlStore.value, changes);
  const address = search === "" ? location.pathname : search;
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  urlStore.set(readUrl(search));
}

export interface Page {
  readonly url: UrlState;
  readonly language: Language;
  text(name: TextName, values?: Readonly<Record<string, string | number>>): string;
  /** A whole number with the separators of the language. */
  whole(value: number): string;
  /** A number with at most `digits` after the point. */
  decimal(value: number, digits: number): string;
}

export function pageOf(url: UrlState): Page {
  const language = languageOf(url.lang ?? null, navigator.languages);
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  return {
    url,
    language,
    text: (name, values) => textIn(language, name, values),
    whole: (value) => whole.format(value),
    decimal: (value, digits) =>
      new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value),
  };
}

export const PageContext = createContext<Page>(pageOf({}));

export function usePage(): Page {
  return useContext(PageContext);
}
