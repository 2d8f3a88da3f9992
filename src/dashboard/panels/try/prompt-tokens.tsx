/** @module The tokens of the prompt as the model got it, with those marked that the prefix cache had. */
import { useEffect, useState } from "preact/hooks";
import { usePage } from "../../page/page-state.ts";
import { ask } from "../../state/request.ts";
import { promptOf, type Question } from "./stream-answer.ts";

const mostShown = 600;

export interface PromptTokensProps {
  readonly question: Question;
  readonly numCachedTokens: number;
}

export function PromptTokens({ question, numCachedTokens }: PromptTokensProps) {
  const page = usePage();
  const [entries, setEntries] = useState<readonly string[]>([]);
  useEffect(() => {
    let isGone = false;
    const body = { ...promptOf(question), model: question.model, return_token_strs: true };
    void ask<{ token_strs: readonly string[] | null }>("tokenize", { method: "POST", body }).then(
      (answer) => {
        if (!isGone && answer.ok) setEntries(answer.value.token_strs ?? []);
      },
    );
    return () => {
      isGone = true;
    };
  }, [question]);
  if (entries.length === 0) return null;
  const shown = entries.slice(0, mostShown).map(readable);
  const numHidden = entries.length - shown.length;
  const cached = shown.slice(0, numCachedTokens);
  return (
    <>
      <h3>{page.text("try.prompt")}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="tokens scroll" tabIndex={0} aria-label={page.text("try.prompt")}>
        {cached.length === 0 ? null : <mark>{cached.join("")}</mark>}
        {shown.slice(numCachedTokens).join("")}
        {numHidden === 0 ? null : (
          <span class="quiet"> {page.text("try.more", { n: page.whole(numHidden) })}</span>
        )}
      </section>
      <p class="quiet">
        {page.text(numCachedTokens === 0 ? "try.noneCached" : "try.marked", {
          n: page.whole(numCachedTokens),
        })}
      </p>
    </>
  );
}

/** How vocabularies write a space and the end of a line. */
function readable(entry: string): string {
  return entry.replaceAll(/[Ġ▁]/g, " ").replaceAll("Ċ", "\n");
}
