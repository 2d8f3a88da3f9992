/** @module Settings that change while the server runs: requested beside effective, what a change would mean, apply and revert. */
import { useEffect, useState } from "preact/hooks";
import type { SettingsAnswer } from "../../../api/admin/observatory/index.ts";
import { Command } from "../../page/command.tsx";
import { setUrl, usePage, useStore } from "../../page/page-state.ts";
import { connection } from "../../state/connection.ts";
import { type Answer, ask, type Refusal } from "../../state/request.ts";
import { InstanceSettings } from "./instance-settings.tsx";
import { ServerSettings } from "./server-settings.tsx";
import type { ChangeSettings } from "./setting-rows.ts";

/** Read anew whenever an event says that somebody changed something. */
function useSettings() {
  const [answer, setAnswer] = useState<Answer<SettingsAnswer> | null>(null);
  const snapshot = useStore(connection.snapshot);
  const lastChange = snapshot?.events.findLast(({ kind }) => kind === "settings")?.eventId ?? 0;
  const numInstances = Object.keys(snapshot?.instances ?? {}).length;
  useEffect(() => {
    let isGone = false;
    void ask<SettingsAnswer>("admin/settings").then((answered) => {
      if (!isGone) setAnswer(answered);
    });
    return () => {
      isGone = true;
    };
  }, [lastChange, numInstances]);
  return { answer, setAnswer, snapshot };
}

export function SettingsPanel() {
  const page = usePage();
  const { answer, setAnswer, snapshot } = useSettings();
  const [outcome, setOutcome] = useState<Answer<SettingsAnswer> | null>(null);
  if (answer === null || snapshot === null) return <p class="quiet">{page.text("page.loading")}</p>;
  if (!answer.ok) return <p class="refusal">{answer.refusal.message}</p>;
  const settings = answer.value;
  const take = (answered: Answer<SettingsAnswer>): boolean => {
    setOutcome(answered);
    if (answered.ok) setAnswer(answered);
    return answered.ok;
  };
  const change: ChangeSettings = async (body) => {
    const sent = { revision: settings.revision, by: "dashboard", ...body };
    return take(await ask<SettingsAnswer>("admin/settings", { method: "PATCH", body: sent }));
  };
  const revert = async (): Promise<boolean> =>
    take(await ask<SettingsAnswer>("admin/settings/revert", { method: "POST", body: {} }));
  const ids = Object.keys(settings.instances);
  const chosen = ids.find((id) => id === page.url.instance) ?? null;
  const first = chosen ?? ids[0];
  const state =
    first === undefined ? undefined : (snapshot.instances[first]?.settings ?? settings.instances[first]);
  const instance = first === undefined ? undefined : snapshot.instances[first];
  return (
    <>
      <section class="panel" aria-labelledby="settings-title">
        <div class="panel-head">
          <h2 id="settings-title">{page.text("settings.title")}</h2>
          <span class="row">
            <span class="quiet">{page.text("settings.revision", { n: settings.revision })}</span>
            <button type="button" disabled={settings.revision === 0} onClick={() => void revert()}>
              {page.text("settings.revert")}
            </button>
          </span>
        </div>
        <Outcome outcome={outcome} />
        {ids.length < 2 ? null : <Scope ids={ids} chosen={chosen} />}
        {state === undefined || instance === undefined ? (
          <p class="quiet">{page.text("settings.none")}</p>
        ) : (
          <InstanceSettings
            key={first}
            state={state}
            instance={instance}
            onChange={(body) => change(chosen === null ? body : { ...body, instance: chosen })}
          />
        )}
      </section>
      <ServerSettings key={settings.revision} settings={settings} onChange={change} />
    </>
  );
}

function Scope({ ids, chosen }: { readonly ids: readonly string[]; readonly chosen: string | null }) {
  const page = usePage();
  return (
    <div class="choice">
      <label for="scope">{page.text("settings.scope")}</label>
      <select
        id="scope"
        value={chosen ?? ""}
        onChange={({ currentTarget: { value } }) => setUrl({ instance: value === "" ? null : value })}
      >
        <option value="">{page.text("settings.scope.all")}</option>
        {ids.map((id) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </select>
    </div>
  );
}

/** What became of the last change. */
function Outcome({ outcome }: { readonly outcome: Answer<SettingsAnswer> | null }) {
  const page = usePage();
  return (
    <div role="status" class="outcome">
      {outcome === null ? null : outcome.ok ? (
        <p>
          <span class={`verdict ${outcome.value.state === "applied" ? "is-fits" : "is-uncertain"}`}>
            {page.text(`settings.state.${outcome.value.state}`)}
          </span>{" "}
          {page.text(`settings.outcome.${outcome.value.state}`, { n: outcome.value.revision })}
        </p>
      ) : (
        <Refused refusal={outcome.refusal} />
      )}
    </div>
  );
}

/** A refusal of what was not allocated has the command of a start that would allocate it. */
const restartIn = /restart with: (pagoda .+?)\. The start/;

function Refused({ refusal: { message, hint } }: { readonly refusal: Refusal }) {
  const page = usePage();
  const whole = `${message} ${hint ?? ""}`.trim();
  const command = restartIn.exec(whole)?.[1];
  return (
    <>
      <p class="refusal" lang="en">
        {whole}
      </p>
      {command === undefined ? null : (
        <>
          <p>{page.text("settings.restart")}</p>
          <Command text={command} label={page.text("settings.restart")} />
        </>
      )}
    </>
  );
}
