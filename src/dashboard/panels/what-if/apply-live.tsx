/** @module Applies what a running instance can take at once, and says what needs the command instead. */
import { useState } from "preact/hooks";
import type { SettingsAnswer, SettingsState } from "../../../api/admin/observatory/index.ts";
import { usePage, useStore } from "../../page/page-state.ts";
import { connection } from "../../state/connection.ts";
import { type Answer, ask } from "../../state/request.ts";
import type { TextName } from "../../text/en.ts";
import { livePartOf } from "./live-part.ts";
import { type Question, questionIn } from "./question.ts";

/** Names of fields as the sliders have them. */
const fieldNames: Readonly<Record<keyof Question, TextName>> = {
  model: "whatif.model",
  card: "whatif.place",
  budget: "whatif.budget",
  memoryBytes: "whatif.memory",
  totalShare: "whatif.budget.total",
  freeShare: "whatif.budget.free",
  usedBytes: "whatif.used",
  length: "whatif.length",
  seats: "whatif.seats",
  stepTokens: "whatif.stepTokens",
  blockSize: "whatif.blockSize",
  kvFormat: "whatif.kvFormat",
  ranks: "whatif.ranks",
  replicas: "whatif.replicas",
  context: "whatif.context",
};

export function ApplyLive({ engine }: { readonly engine: string }) {
  const snapshot = useStore(connection.snapshot);
  const running = Object.values(snapshot?.instances ?? {}).find((each) => each.engine === engine);
  return running?.settings == null ? null : <Apply state={running.settings} />;
}

function Apply({ state }: { readonly state: SettingsState }) {
  const page = usePage();
  const [outcome, setOutcome] = useState<Answer<SettingsAnswer> | null>(null);
  const { change, liveFields, restartFields } = livePartOf(questionIn(page.url), state);
  const named = (fields: readonly (keyof Question)[]): string =>
    new Intl.ListFormat(page.language).format(fields.map((field) => page.text(fieldNames[field])));
  const apply = async (): Promise<void> => {
    const sent = { ...change, by: "dashboard" };
    setOutcome(await ask<SettingsAnswer>("admin/settings", { method: "PATCH", body: sent }));
  };
  return (
    <div class="apply">
      {restartFields.length === 0 ? null : (
        <p class="quiet">{page.text("whatif.needsRestart", { fields: named(restartFields) })}</p>
      )}
      {liveFields.length === 0 ? null : (
        <p class="row">
          <button type="button" class="primary" onClick={() => void apply()}>
            {page.text("whatif.apply")}
          </button>
          <span class="quiet">{page.text("whatif.applies", { fields: named(liveFields) })}</span>
        </p>
      )}
      <p role="status" class={outcome?.ok === false ? "refusal" : "quiet"}>
        {outcome === null
          ? ""
          : outcome.ok
            ? page.text(`settings.outcome.${outcome.value.state}`, { n: outcome.value.revision })
            : `${outcome.refusal.message} ${outcome.refusal.hint ?? ""}`}
      </p>
    </div>
  );
}
