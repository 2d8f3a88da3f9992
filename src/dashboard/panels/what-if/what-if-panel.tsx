/** @module What if: the planner with sliders, beside what runs now. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { RunningStart } from "../../../api/admin/start.ts";
import { PagodaError } from "../../../core/errors.ts";
import { usePage } from "../../page/page-state.ts";
import { ask } from "../../state/request.ts";
import { type Answers, answersTo } from "./answer.ts";
import { PlanCard } from "./plan-card.tsx";
import { type Question, questionIn } from "./question.ts";
import { StartForm } from "./start-form.tsx";

/** Asked for once in the life of the page; null until then, and where the server has none. */
let knownStart: RunningStart | null = null;

function useStart(): { readonly start: RunningStart | null; readonly isAsked: boolean } {
  const [start, setStart] = useState(knownStart);
  const [isAsked, setAsked] = useState(knownStart !== null);
  useEffect(() => {
    if (knownStart !== null) return;
    void ask<RunningStart>("admin/start").then((answer) => {
      if (answer.ok) knownStart = answer.value;
      setStart(knownStart);
      setAsked(true);
    });
  }, []);
  return { start, isAsked };
}

type Outcome = { readonly answers: Answers } | { readonly refusal: string };

function outcomeOf(question: Question, start: RunningStart | null): Outcome {
  try {
    return { answers: answersTo(question, start) };
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
    return { refusal: `${thrown.message} ${thrown.hint ?? ""}` };
  }
}

export function WhatIfPanel() {
  const page = usePage();
  const { start, isAsked } = useStart();
  const question = questionIn(page.url);
  const outcome = useMemo(
    () => (isAsked ? outcomeOf(question, start) : null),
    [JSON.stringify(question), start, isAsked],
  );
  if (outcome === null) return <p class="quiet">{page.text("page.loading")}</p>;
  return (
    <>
      <p class="lead">{page.text("whatif.lead")}</p>
      <div class="what-if">
        {"refusal" in outcome ? (
          <section class="panel">
            <h2>{page.text("whatif.error")}</h2>
            <p class="refusal" lang="en">
              {outcome.refusal}
            </p>
          </section>
        ) : (
          <>
            <StartForm question={question} start={start} planned={outcome.answers.engines[0]?.plan ?? null} />
            <div class="answers">
              {outcome.answers.engines.map((answer) => (
                <PlanCard
                  key={answer.engine}
                  answer={answer}
                  running={answer.engine === start?.engine ? outcome.answers.running : null}
                />
              ))}
            </div>
          </>
        )}
      </div>
    </>
  );
}
