/** @module The state of the page in its address: a link shows what its sender saw. */

export type UrlState = Readonly<Record<string, string>>;

/** Parameters by name; the last of a repeated one counts. */
export function readUrl(search: string): UrlState {
  return Object.fromEntries(new URLSearchParams(search));
}

/** `?a=1&b=2` with the changes; null takes a parameter away. Empty where nothing is left. */
export function changedUrl(state: UrlState, changes: Readonly<Record<string, string | null>>): string {
  const parameters = new URLSearchParams(state);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}
