/** @module A command that can be copied. */
import { useState } from "preact/hooks";
import { usePage } from "./page-state.ts";

const noticeMs = 1500;

export function Command({ text, label }: { readonly text: string; readonly label: string }) {
  const page = usePage();
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    // A page of a plain http address of another machine has no clipboard: the text can still be selected.
    navigator.clipboard?.writeText(text).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), noticeMs);
      },
      () => setCopied(false),
    );
  };
  return (
    <div class="command">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label={label}>
        <pre>
          <code>{text}</code>
        </pre>
      </section>
      <button type="button" onClick={copy} aria-live="polite">
        {page.text(isCopied ? "page.copied" : "page.copy")}
      </button>
    </div>
  );
}
