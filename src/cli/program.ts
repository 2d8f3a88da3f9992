/** @module The commands of `pagoda`. */
import { Command, type Help } from "commander";
import { addBenchCommand } from "./commands/bench.ts";
import { addChatCommand } from "./commands/chat.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addActionCommands } from "./commands/fleet/act.ts";
import { addApplyCommand } from "./commands/fleet/apply.ts";
import { addDownCommand } from "./commands/fleet/down.ts";
import { addExportCommand } from "./commands/fleet/export.ts";
import { addLogsCommand } from "./commands/fleet/logs.ts";
import { addPsCommand } from "./commands/fleet/ps.ts";
import { addUpCommand } from "./commands/fleet/up.ts";
import { addModelsCommand } from "./commands/models/models.ts";
import { addPlanCommand } from "./commands/plan/plan.ts";
import { addRunCommand } from "./commands/run.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addSetCommand } from "./commands/set.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addSimulateCommand } from "./commands/tuning/simulate.ts";
import { addTuneCommand } from "./commands/tuning/tune.ts";
import { refuseUnknownVariables } from "./options/register-options.ts";
import { brokenLines } from "./print/text-columns.ts";
import { version } from "./print/version.ts";

/** Adding a command is one line here. */
const commands: readonly ((program: Command) => void)[] = [
  addServeCommand,
  addRunCommand,
  addChatCommand,
  addSetCommand,
  addStatusCommand,
  addModelsCommand,
  addPlanCommand,
  addUpCommand,
  addDownCommand,
  addPsCommand,
  addLogsCommand,
  addApplyCommand,
  addActionCommands,
  addExportCommand,
  addTuneCommand,
  addSimulateCommand,
  addBenchCommand,
  addCompletionCommand,
];

const exitCodes = `
Exit codes: 0 done; 1 an error, which one line explains;
3 it does not fit; 130 ended by Ctrl-C; 143 by SIGTERM.
pagoda serve ends with 0 when SIGTERM stops it in order.`;

export function buildProgram(): Command {
  const program = new Command("pagoda")
    .description(
      "A memory-first LLM server: it says what fits before it starts, and holds to it while it serves.",
    )
    .version(version)
    .addHelpText("after", exitCodes)
    .showSuggestionAfterError()
    .configureHelp({ subcommandTerm: (command) => command.name(), formatItem: helpItem })
    // Options belong to the command they follow: `plan explain --gpu` is not `plan --gpu`.
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(`pagoda: ${asOneLine(text)}\n`) });
  for (const add of commands) add(program);
  program.hook("preAction", () => refuseUnknownVariables(process.env));
  return program;
}

const itemIndent = "  ";
const besideFromColumns = 76;
const usualColumns = 80;

/** A term with its description beside it, or below it where a terminal is narrow. */
function helpItem(term: string, termWidth: number, description: string, helper: Help): string {
  const columns = helper.helpWidth || usualColumns;
  const beside = columns >= besideFromColumns;
  const indent = beside ? " ".repeat(termWidth + 2 * itemIndent.length) : itemIndent.repeat(3);
  const first = beside ? `${itemIndent}${term.padEnd(termWidth)}${itemIndent}` : indent;
  const lines = description === "" ? [] : brokenLines(first + description, indent, columns);
  return (beside && lines.length > 0 ? lines : [`${itemIndent}${term}`, ...lines]).join("\n");
}

/** commander puts its suggestion on a second line. */
function asOneLine(text: string): string {
  return text
    .replace(/^error: /, "")
    .trim()
    .replaceAll(/\s*\n\s*/g, " ");
}
