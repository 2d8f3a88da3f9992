/** @module The other questions of `pagoda plan`: users, replicas, one large against several small. */
import { Presets, SingleBar } from "cli-progress";
import {
  commandText,
  compareReplicas,
  fitPlan,
  type PlanRequest,
  planReplicas,
  rulesOf,
} from "../../../planner/index.ts";
import { comparisonText, fitText, replicasText } from "../../print/plan/answer-text.ts";
import { planTable } from "../../print/plan/plan-table.ts";
import { wholeOption } from "./flags.ts";
import { asksForLoad, type LoadOptions, loadAnswer, loadText } from "./load.ts";

/** What a plan may be asked besides itself. */
export interface QuestionOptions extends LoadOptions {
  readonly fit?: boolean;
  readonly devices?: string;
  readonly quantizations?: string;
  readonly replicas?: string;
  readonly compare?: string;
  readonly json?: boolean;
  readonly flags?: boolean;
}

/** Cards of the question: stated, or those over which the command divides the model. */
function cardsGiven(request: PlanRequest, { devices }: QuestionOptions): number {
  if (devices !== undefined) return wholeOption("devices", devices);
  const { ranks } = rulesOf(request.engine).roles;
  const stated = ranks === null ? 1 : Number(request.flags[ranks] ?? 1);
  return Number.isInteger(stated) && stated > 0 ? stated : 1;
}

/** Answers the question that the options ask; null where they ask for a plain plan. */
export function questionAnswer(request: PlanRequest, options: QuestionOptions): string | null {
  const asJson = (value: unknown): string => JSON.stringify(value, null, 2);
  if (options.compare !== undefined) {
    const many = wholeOption("compare", options.compare);
    const batch = wholeOption("users", options.users ?? "16");
    const context = wholeOption("context", options.context ?? "2048");
    const arrangements = compareReplicas(request, many, batch, context);
    return options.json === true ? asJson(arrangements) : comparisonText(arrangements);
  }
  if (options.replicas !== undefined) {
    const wanted = wholeOption("replicas", options.replicas);
    const answer = planReplicas(request, wanted);
    if (answer.numStarted < wanted) process.exitCode = 3;
    return options.json === true ? asJson(answer) : replicasText(answer, wanted);
  }
  if (asksForLoad(options)) {
    const answer = loadAnswer(request, options);
    if (options.json === true) return asJson(answer);
    return `${planTable(answer.plan)}\n\n${loadText(answer)}`;
  }
  if (options.fit !== true && options.users === undefined) return null;
  const wish = {
    users: wholeOption("users", options.users ?? "1"),
    contextTokens: wholeOption("context", options.context ?? String(request.model.maxPositions)),
  };
  const bar =
    options.fit === true
      ? new SingleBar(
          { format: "searching {bar} {value} of {total}", stream: process.stderr, clearOnComplete: true },
          Presets.shades_classic,
        )
      : null;
  const result = fitPlan(request, wish, {
    wide: options.fit === true,
    ...(options.quantizations === undefined ? {} : { quantizations: options.quantizations.split(",") }),
    onTried: (numTried, numCandidates) => {
      if (numTried === 1) bar?.start(numCandidates, 0);
      if (numTried % 500 === 0) bar?.update(numTried);
    },
  });
  bar?.stop();
  if (options.json === true) return asJson(result);
  return options.flags === true && result.best !== null
    ? commandText(result.best.plan.command)
    : fitText(result, wish, cardsGiven(request, options));
}
