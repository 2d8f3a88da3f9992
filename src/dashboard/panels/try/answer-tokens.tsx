/** @module The tokens of an answer, shaded by how likely the model held each one, and a table of those it held least likely. */
import { usePage } from "../../page/page-state.ts";
import { TableTwin } from "../../page/table-twin.tsx";
import type { AnswerToken } from "./stream-answer.ts";

/** Upper bounds of the shades; what is likelier than the last has none. */
const shades = [0.02, 0.1, 0.3, 0.7] as const;
const mostRows = 20;

export interface AnswerTokensProps {
  readonly tokens: readonly AnswerToken[];
  readonly isRunning: boolean;
}

export function AnswerTokens({ tokens, isRunning }: AnswerTokensProps) {
  const page = usePage();
  const percent = (logprob: number): string => `${page.decimal(100 * Math.exp(logprob), 1)} %`;
  const title = ({ logprob, others }: AnswerToken): string | undefined =>
    logprob === null
      ? undefined
      : [
          percent(logprob),
          ...others.map(({ text, logprob: each }) => `${quoted(text)} ${percent(each)}`),
        ].join("\n");
  const unlikely = tokens
    .flatMap(({ logprob, ...token }, index) => (logprob === null ? [] : [{ ...token, logprob, index }]))
    .sort((a, b) => a.logprob - b.logprob)
    .slice(0, mostRows);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="tokens scroll" tabIndex={0} aria-label={page.text("try.answer")} aria-busy={isRunning}>
        {tokens.map((token, index) => (
          <span key={index} class={shadeOf(token)} title={title(token)}>
            {token.text}
          </span>
        ))}
      </section>
      {unlikely.length === 0 ? null : (
        <>
          <Shades />
          <TableTwin
            caption={page.text("try.unlikely", { n: unlikely.length })}
            columns={[
              { title: page.text("try.token") },
              { title: page.text("try.place"), isNumber: true },
              { title: page.text("try.probability"), isNumber: true },
              { title: page.text("try.others") },
            ]}
            rows={unlikely.map(({ text, index, logprob, others }) => [
              quoted(text),
              page.whole(index + 1),
              percent(logprob),
              others
                .filter((other) => other.text !== text)
                .map((other) => `${quoted(other.text)} ${percent(other.logprob)}`)
                .join(", "),
            ])}
          />
        </>
      )}
    </>
  );
}

const quoted = (text: string): string => JSON.stringify(text);

function shadeOf({ logprob }: AnswerToken): string | undefined {
  if (logprob === null) return undefined;
  const shade = shades.findIndex((most) => Math.exp(logprob) < most);
  return shade === -1 ? undefined : `shade-${shade}`;
}

function Shades() {
  const page = usePage();
  return (
    <ul class="legend" aria-hidden="true">
      {shades.map((most, shade) => (
        <li key={most}>
          <span class={`tokens-swatch shade-${shade}`}>
            {page.text("try.below", { n: page.whole(100 * most) })}
          </span>
        </li>
      ))}
    </ul>
  );
}
