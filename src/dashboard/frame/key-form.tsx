/** @module What stands in the place of a view while the server wants a key, or shows nothing to this visitor. */

import { useEffect, useRef } from "preact/hooks";
import { usePage, useStore } from "../page/page-state.ts";
import { connection } from "../state/connection.ts";
import { setKey } from "../state/request.ts";

export function KeyForm() {
  const page = usePage();
  const fault = useStore(connection.keyFault);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const key = field.current?.value.trim() ?? "";
    if (key === "") return;
    connection.keyFault.set(null);
    setKey(key);
  };
  return (
    <form class="panel key" onSubmit={submit}>
      <h2>{page.text("key.title")}</h2>
      <label for="key">{page.text("key.label")}</label>
      <div class="row">
        <input
          ref={field}
          id="key"
          class="key-field"
          type="password"
          autocomplete="off"
          required
          aria-invalid={fault !== null}
          aria-describedby="key-help"
        />
        <button type="submit" class="primary">
          {page.text("key.send")}
        </button>
      </div>
      <p id="key-help" class={fault === null ? "quiet" : "refusal"} role="status">
        {page.text(fault === null ? "key.help" : `key.${fault}`)}
      </p>
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
