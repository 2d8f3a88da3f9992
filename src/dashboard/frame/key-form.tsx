/** @module What stands in the place of a view while the server wants a key, or shows nothing to this visitor. */

import { usePage } from "../page/page-state.ts";
import { setKey } from "../state/request.ts";

export function KeyForm() {
  const page = usePage();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const key = new FormData(event.currentTarget as HTMLFormElement).get("key");
    if (typeof key === "string" && key !== "") setKey(key);
  };
  return (
    <form class="panel key" onSubmit={submit}>
      <h2>{page.text("key.title")}</h2>
      <label for="key">{page.text("key.label")}</label>
      <input id="key" name="key" type="password" autocomplete="off" required />
      <button type="submit">{page.text("key.send")}</button>
      <p class="quiet">{page.text("key.help")}</p>
    </form>
  );
}

export function Refused() {
  const page = usePage();
  return (
    <section class="panel">
      <p>{page.text("key.refused")}</p>
    </section>
  );
}
