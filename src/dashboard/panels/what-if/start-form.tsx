/** @module The sliders: each sets one parameter of the address. */
import type { RunningStart } from "../../../api/admin/start.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import { catalogueModels, deviceNames, type Plan } from "../../../planner/index.ts";
import { setUrl, usePage } from "../../page/page-state.ts";
import { deviceOf, enginesFor, modelOf } from "./answer.ts";
import { shareOf } from "./flags.ts";
import { parameters, type Question } from "./question.ts";
import { Slider } from "./slider.tsx";
import * as values from "./slider-values.ts";

export interface FormProps {
  readonly question: Question;
  readonly start: RunningStart | null;
  /** The plan that tells what is in force where a slider was left alone. */
  readonly planned: Plan | null;
}

type Field = keyof Question;

function change(field: Field, value: number | string | null): void {
  setUrl({ [parameters[field]]: value === null ? null : String(value) });
}

export function StartForm(props: FormProps) {
  const page = usePage();
  const changed = Object.values(parameters).filter((name) => page.url[name] !== undefined);
  return (
    <form class="panel sliders" aria-labelledby="start-title" onSubmit={(event) => event.preventDefault()}>
      <div class="panel-head">
        <h2 id="start-title">{page.text("whatif.start")}</h2>
        <button
          type="button"
          disabled={changed.length === 0}
          onClick={() => setUrl(Object.fromEntries(changed.map((name) => [name, null])))}
        >
          {page.text("whatif.reset")}
        </button>
      </div>
      <Subject {...props} />
      <BudgetFields {...props} />
      <Limits {...props} />
    </form>
  );
}

function Subject({ question, start }: FormProps) {
  const page = usePage();
  const cards = deviceNames().filter((name) => name !== "CPU");
  const running = start === null ? null : page.text("whatif.running", { model: start.model });
  return (
    <>
      <Choice
        id="model"
        label={page.text("whatif.model")}
        value={question.model ?? ""}
        options={[...(running === null ? [] : [["", running] as const]), ...catalogueModels.map(same)]}
        onChange={(value) => change("model", value === "" ? null : value)}
      />
      <Choice
        id="card"
        label={page.text("whatif.place")}
        value={question.card ?? ""}
        options={[
          ...(start === null ? [] : [["", page.text("whatif.place.here")] as const]),
          ...cards.map(same),
        ]}
        onChange={(value) => change("card", value === "" ? null : value)}
      />
    </>
  );
}

const same = (name: string) => [name, name] as const;

interface ChoiceProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  /** Value and name. */
  readonly options: readonly (readonly [string, string])[];
  onChange(value: string): void;
}

function Choice({ id, label, value, options, onChange }: ChoiceProps) {
  return (
    <div class="choice">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {options.map(([each, name]) => (
          <option key={each} value={each}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

function settingOf(planned: Plan | null, name: string | null | undefined): number | null {
  const value = Number(planned?.settings[name ?? ""]?.value ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
}

/** On cards each engine has its own way to count; on a machine one of three is chosen. */
function BudgetFields(props: FormProps) {
  const { question, start } = props;
  const device = deviceOf(question, start);
  const engines = enginesFor(device);
  const isMachine = device.vendor === "cpu";
  const kinds = isMachine ? [question.budget] : engines.map(shareOf);
  return (
    <>
      {isMachine ? <BudgetKind {...props} /> : null}
      {kinds.includes("memory") ? <MemorySlider {...props} /> : null}
      {(["total", "free"] as const)
        .filter((kind) => kinds.includes(kind))
        .map((kind) => (
          <ShareSlider key={kind} {...props} kind={kind} />
        ))}
      <UsedSlider {...props} />
    </>
  );
}

function BudgetKind({ question }: FormProps) {
  const page = usePage();
  return (
    <Choice
      id="budget"
      label={page.text("whatif.budget")}
      value={question.budget ?? ""}
      options={[
        ["", page.text("whatif.budget.asRunning")],
        ["memory", page.text("whatif.budget.memory")],
        ["total", page.text("whatif.budget.total")],
        ["free", page.text("whatif.budget.free")],
      ]}
      onChange={(value) => change("budget", value === "" ? null : value)}
    />
  );
}

function MemorySlider({ question, start, planned }: FormProps) {
  const page = usePage();
  const least = 256 * 2 ** 20;
  return (
    <Slider
      id="memory"
      label={page.text("whatif.memory")}
      values={values.sizes(least, deviceOf(question, start).total.expectedBytes)}
      value={question.memoryBytes}
      fallback={planned?.budgetBytes ?? null}
      format={formatBytes}
      onChange={(value) => change("memoryBytes", value)}
    />
  );
}

function ShareSlider({ question, start, kind, planned }: FormProps & { readonly kind: "total" | "free" }) {
  const page = usePage();
  const engines = enginesFor(deviceOf(question, start)).filter(
    (rules) => rules.runsOn !== "cards" || shareOf(rules) === kind,
  );
  const field = kind === "total" ? "totalShare" : "freeShare";
  const isPlanned = engines.some(({ id }) => id === planned?.engine);
  const titles = engines.map(({ title }) => title).join(", ");
  return (
    <Slider
      id={`share-${kind}`}
      label={page.text("whatif.share", { engine: titles })}
      help={page.text(`whatif.share.${kind}`)}
      values={values.hundredths(5, 99)}
      value={question[field]}
      fallback={isPlanned ? settingOf(planned, engines[0]?.roles.share) : null}
      format={(value) => page.decimal(value, 2)}
      onChange={(value) => change(field, value)}
    />
  );
}

function UsedSlider({ question, start }: FormProps) {
  const page = usePage();
  const { total } = deviceOf(question, start);
  const here = start !== null && question.card === null;
  return (
    <Slider
      id="used"
      label={page.text("whatif.used")}
      values={[0, ...values.sizes(128 * 2 ** 20, total.expectedBytes)]}
      value={question.usedBytes}
      fallback={here ? start.device.totalBytes - start.device.availableBytes : 0}
      format={formatBytes}
      onChange={(value) => change("usedBytes", value)}
    />
  );
}

function Limits({ question, start, planned }: FormProps) {
  const page = usePage();
  const [rules] = enginesFor(deviceOf(question, start));
  const roles = rules?.roles;
  const most = Math.max(512, modelOf(question, start).maxPositions);
  const tokens = (value: number): string => page.text("figure.tokens", { n: page.whole(value) });
  const plain = (value: number): string => page.whole(value);
  const slider = (
    field: "length" | "seats" | "stepTokens" | "blockSize" | "ranks" | "replicas" | "context",
    list: readonly number[],
    fallback: number | null,
    format: (value: number) => string,
  ) => (
    <Slider
      id={field}
      label={page.text(`whatif.${field}`)}
      values={list}
      value={question[field]}
      fallback={fallback}
      format={format}
      onChange={(value) => change(field, value)}
    />
  );
  return (
    <>
      {slider("length", values.doublings(256, most), planned?.kv?.maxModelLen ?? null, tokens)}
      {slider("seats", values.seatCounts, settingOf(planned, roles?.sequences), plain)}
      {slider("stepTokens", values.stepTokenCounts, settingOf(planned, roles?.tokens), tokens)}
      {slider("blockSize", values.blockSizes, planned?.kv?.blockSize ?? null, tokens)}
      <Choice
        id="kvFormat"
        label={page.text("whatif.kvFormat")}
        value={question.kvFormat ?? ""}
        options={[["", page.text("whatif.default")], ...values.kvFormats.map(same)]}
        onChange={(value) => change("kvFormat", value === "" ? null : value)}
      />
      {roles?.ranks === null ? null : slider("ranks", values.rankCounts, 1, plain)}
      {slider("replicas", values.replicaCounts, 1, plain)}
      {slider("context", values.contexts, 1024, tokens)}
    </>
  );
}
