/** @module One engine's plan: verdict, tokens, users, memory by component, the command, and what changes against now. */
import { formatBytes } from "../../../core/byte-size.ts";
import { commandText, type Plan } from "../../../planner/index.ts";
import { Command } from "../../page/command.tsx";
import { type Page, usePage } from "../../page/page-state.ts";
import { TableTwin } from "../../page/table-twin.tsx";
import { Figure } from "../devices/key-figures.tsx";
import { componentName } from "../devices/memory-bar.tsx";
import type { EngineAnswer } from "./answer.ts";
import { ApplyLive } from "./apply-live.tsx";
import { Gains } from "./gains.tsx";

export interface PlanCardProps {
  readonly answer: EngineAnswer;
  /** The running start's own plan, where it can be compared. */
  readonly running: EngineAnswer | null;
}

export function PlanCard({ answer, running }: PlanCardProps) {
  const page = usePage();
  const { plan, refusal, title, engine } = answer;
  return (
    <section class="panel plan" aria-labelledby={`plan-${engine}`} data-engine={engine}>
      <div class="panel-head">
        <h2 id={`plan-${engine}`}>{page.text("whatif.result", { engine: title })}</h2>
        {plan === null ? null : (
          <span class={`verdict is-${plan.verdict.kind}`}>
            {page.text(`whatif.verdict.${plan.verdict.kind}`)}
          </span>
        )}
      </div>
      {refusal === null ? null : (
        <p class="refusal" lang="en">
          {refusal.message} {refusal.hint}
        </p>
      )}
      {plan === null ? null : <Planned answer={answer} plan={plan} running={running} />}
    </section>
  );
}

function Planned({ answer, plan, running }: PlanCardProps & { readonly plan: Plan }) {
  const page = usePage();
  const { replicas } = answer;
  return (
    <>
      {plan.verdict.kind === "fits" ? null : (
        <p class="refusal" lang="en">
          {plan.verdict.reason}
        </p>
      )}
      <PlanFigures answer={answer} plan={plan} />
      {replicas === null ? null : (
        <p>
          {page.text("whatif.copies", { started: replicas.numStarted, wanted: page.url.replicas ?? "" })};{" "}
          {page.text("whatif.copies.tokens", { n: page.whole(replicas.numKvTokens) })}
        </p>
      )}
      {running === null ? null : <Gains answer={answer} running={running} />}
      <Components plan={plan} />
      {running === null ? null : <ApplyLive engine={answer.engine} />}
      <Command
        text={commandText(plan.command)}
        label={page.text("whatif.commandOf", { engine: answer.title })}
      />
      <Suggestions plan={plan} />
      {plan.warnings.length === 0 ? null : (
        <details class="twin">
          <summary>{page.text("whatif.warnings")}</summary>
          <ul lang="en">
            {plan.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function PlanFigures({ answer, plan }: { readonly answer: EngineAnswer; readonly plan: Plan }) {
  const page = usePage();
  const { kv } = plan;
  const { users } = answer;
  if (kv === null) return null;
  return (
    <dl class="figures">
      <Figure title={page.text("whatif.kvTokens")} value={page.whole(kv.numTokens.expected)} />
      <Figure
        title={page.text("whatif.users")}
        value={page.whole(users?.numUsers ?? 0)}
        {...(users === null
          ? {}
          : {
              unit: page.text("whatif.users.help", {
                n: page.whole(users.contextTokens),
                limit: page.text(`whatif.users.limit.${users.limit}`),
              }),
            })}
      />
      <Figure title={page.text("whatif.full")} value={page.decimal(kv.concurrency.expected, 2)} />
      <Figure
        title={page.text("whatif.blocks")}
        value={page.whole(kv.numBlocks.expected)}
        unit={page.text("whatif.blocks.help", { size: kv.blockSize, bytes: formatBytes(kv.bytesPerBlock) })}
      />
      <Figure
        title={page.text("whatif.speed")}
        value={page.text("whatif.speed.value", { n: page.whole(users?.tokensPerSecond ?? 0) })}
        unit={page.text("whatif.speed.help")}
      />
    </dl>
  );
}

function range(page: Page, low: number, high: number): string {
  return low === high ? "" : page.text("whatif.range", { low: formatBytes(low), high: formatBytes(high) });
}

/** A bar of the plan's components over the device, and the same as a table with intervals and evidence. */
function Components({ plan }: { readonly plan: Plan }) {
  const page = usePage();
  const total = plan.total.expectedBytes;
  const parts = plan.components.filter(({ quantity }) => quantity.expectedBytes > 0);
  const label = `${page.text("whatif.result", { engine: plan.engine })}: ${plan.device}`;
  return (
    <figure class="device">
      <div class="memory-bar plain" role="img" aria-label={label}>
        {parts.map(({ name, quantity }) => (
          <span
            key={name}
            class={`part is-${name}`}
            style={{ width: `${(100 * quantity.expectedBytes) / total}%` }}
          >
            <span class="fill" style={{ width: "100%" }} />
          </span>
        ))}
      </div>
      <ul class="legend" aria-hidden="true">
        {parts.map(({ name, quantity }) => (
          <li key={name}>
            <span class={`swatch is-${name}`} />
            {componentName(page, name)} {formatBytes(quantity.expectedBytes)}
          </li>
        ))}
      </ul>
      <TableTwin
        caption={label}
        columns={[
          { title: page.text("figure.component") },
          { title: page.text("figure.planned"), isNumber: true },
          { title: "±" },
          { title: page.text("figure.evidence") },
        ]}
        rows={plan.components.map(({ name, quantity }) => [
          componentName(page, name),
          formatBytes(quantity.expectedBytes),
          range(page, quantity.lowBytes, quantity.highBytes),
          page.text(`evidence.${quantity.evidence.kind}`),
        ])}
      />
    </figure>
  );
}

function Suggestions({ plan }: { readonly plan: Plan }) {
  const page = usePage();
  const { suggestions } = plan.verdict;
  if (suggestions.length === 0) return null;
  return (
    <div lang="en">
      <h3>{page.text("whatif.suggestions")}</h3>
      <ul>
        {suggestions.map(({ flags, model, why }) => (
          <li key={flags.join(" ") + (model ?? "")}>
            <code>{model ?? flags.join(" ")}</code> {why}
          </li>
        ))}
      </ul>
    </div>
  );
}
