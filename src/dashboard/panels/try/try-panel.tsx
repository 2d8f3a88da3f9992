/** @module Try it: a prompt, its answer as it comes, how fast it came, and what the prefix cache had of it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { setUrl, usePage, useStore } from "../../page/page-state.ts";
import { connection } from "../../state/connection.ts";
import { Figure } from "../devices/key-figures.tsx";
import { AnswerTokens } from "./answer-tokens.tsx";
import { PromptTokens } from "./prompt-tokens.tsx";
import {
  noAnswer,
  type Question,
  type StreamedAnswer,
  speedOf,
  streamAnswer,
  wholeLetters,
} from "./stream-answer.ts";

interface Run {
  readonly question: Question;
  readonly answer: StreamedAnswer;
  readonly isRunning: boolean;
  /** null: nothing went wrong. */
  readonly fault: string | null;
}

const mostTokens = 4096;

/** One request at a time; leaving the view ends it. */
function useRun() {
  const [run, setRun] = useState<Run | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const start = (question: Question): void => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    let latest: Run = { question, answer: noAnswer, isRunning: true, fault: null };
    let frame = 0;
    // Tokens may come faster than the screen is drawn.
    const show = (next: Run): void => {
      latest = next;
      if (frame !== 0) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        if (abort.current === controller) setRun(latest);
      });
    };
    show(latest);
    streamAnswer(question, controller.signal, (answer) => show({ ...latest, answer })).then(
      () => show({ ...latest, isRunning: false }),
      (thrown: unknown) => {
        const fault = controller.signal.aborted || !(thrown instanceof Error) ? null : thrown.message;
        show({ ...latest, isRunning: false, fault });
      },
    );
  };
  return { run, start, stop: () => abort.current?.abort() };
}

export function TryPanel() {
  const page = usePage();
  const snapshot = useStore(connection.snapshot);
  const { run, start, stop } = useRun();
  const models = [...new Set(Object.values(snapshot?.instances ?? {}).map(({ model }) => model))];
  if (snapshot === null) return <p class="quiet">{page.text("page.loading")}</p>;
  return (
    <>
      <QuestionForm models={models} isRunning={run?.isRunning ?? false} onStart={start} onStop={stop} />
      {run === null ? null : <Outcome run={run} />}
    </>
  );
}

interface QuestionFormProps {
  readonly models: readonly string[];
  readonly isRunning: boolean;
  onStart(question: Question): void;
  onStop(): void;
}

function QuestionForm({ models, isRunning, onStart, onStop }: QuestionFormProps) {
  const page = usePage();
  const { url } = page;
  const [prompt, setPrompt] = useState("");
  const model = models.find((name) => name === url.try) ?? models[0] ?? "";
  const kind = url.kind === "text" ? "text" : "chat";
  const maxTokens = Math.min(mostTokens, Math.max(1, Math.round(Number(url.max ?? 128)) || 128));
  const temperature = Math.min(2, Math.max(0, Number(url.temperature ?? 0.7) || 0));
  const question: Question = { model, kind, prompt, maxTokens, temperature };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!isRunning && prompt !== "") onStart(question);
  };
  return (
    <form class="panel try" onSubmit={submit} aria-labelledby="try-title">
      <h2 id="try-title">{page.text("try.title")}</h2>
      <label for="prompt">{page.text("try.prompt")}</label>
      <textarea
        id="prompt"
        rows={4}
        value={prompt}
        placeholder={page.text("try.placeholder")}
        onInput={({ currentTarget }) => setPrompt(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
        }}
      />
      <Fields models={models} question={question} />
      <div class="row">
        <button type="submit" class="primary" disabled={isRunning || prompt === ""}>
          {page.text("try.send")}
        </button>
        <button type="button" disabled={!isRunning} onClick={onStop}>
          {page.text("try.stop")}
        </button>
        <span class="quiet">{page.text("try.shortcut")}</span>
      </div>
    </form>
  );
}

interface FieldsProps {
  readonly models: readonly string[];
  readonly question: Question;
}

function Fields({ models, question: { model, kind, maxTokens, temperature } }: FieldsProps) {
  const page = usePage();
  const set = (name: string) => (event: { currentTarget: { value: string } }) =>
    setUrl({ [name]: event.currentTarget.value });
  return (
    <div class="fields">
      {models.length < 2 ? null : (
        <label>
          {page.text("whatif.model")}
          <select value={model} onChange={set("try")}>
            {models.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        {page.text("try.kind")}
        <select value={kind} onChange={set("kind")}>
          <option value="chat">{page.text("try.kind.chat")}</option>
          <option value="text">{page.text("try.kind.text")}</option>
        </select>
      </label>
      <label>
        {page.text("try.maxTokens")}
        <input type="number" min={1} max={mostTokens} value={maxTokens} onChange={set("max")} />
      </label>
      <label>
        {page.text("try.temperature")}
        <input type="number" min={0} max={2} step={0.1} value={temperature} onChange={set("temperature")} />
      </label>
    </div>
  );
}

function Outcome({ run: { answer, question, isRunning, fault } }: { readonly run: Run }) {
  const page = usePage();
  const { usage, tokens, firstTokenMs, finishReason } = answer;
  const speed = speedOf(answer);
  const numOutput = usage?.numOutputTokens ?? tokens.length;
  return (
    <section class="panel" aria-labelledby="answer-title">
      <h2 id="answer-title">{page.text("try.answer")}</h2>
      {fault === null ? null : (
        <p class="refusal" lang="en" role="alert">
          {fault}
        </p>
      )}
      <dl class="figures">
        <Figure
          title={page.text("try.firstToken")}
          value={firstTokenMs === null ? "–" : `${page.decimal(firstTokenMs, 1)} ms`}
        />
        <Figure
          title={page.text("try.speed")}
          value={speed === null ? "–" : page.decimal(speed, 1)}
          unit="token/s"
        />
        <Figure title={page.text("try.output")} value={page.whole(numOutput)} unit={finishReason ?? ""} />
        <Figure
          title={page.text("try.promptTokens")}
          value={usage === null ? "–" : page.whole(usage.numPromptTokens)}
          unit={usage === null ? "" : page.text("try.cached", { n: page.whole(usage.numCachedTokens) })}
        />
      </dl>
      <AnswerTokens tokens={wholeLetters(tokens)} isRunning={isRunning} />
      {usage === null ? null : <PromptTokens question={question} numCachedTokens={usage.numCachedTokens} />}
    </section>
  );
}
