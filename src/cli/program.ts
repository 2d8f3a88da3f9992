/** @module The commands of `pagoda`. */
import { Command } from "commander";
import { refuseUnknownVariables } from "../instance/options/read-options.ts";
import { addBenchCommand } from "./commands/bench.ts";
import { addPlanCommand } from "./commands/plan.ts";
import { addRunCommand } from "./commands/run.ts";
import { addServeCommand } from "./commands/serve.ts";
import { version } from "./version.ts";

/** Adding a command is one line here. */
const commands: readonly ((program: Command) => void)[] = [
  addServeCommand,
  addRunCommand,
  addPlanCommand,
  addBenchCommand,
];

export function buildProgram(): Command {
  const program = new Command("pagoda")
    .description(
      "A memory-first LLM server: it says what fits before it starts, and holds to it while it serves.",
    )
    .version(version)
    .showSuggestionAfterError()
    // Options belong to the command they follow: `plan explain --gpu` is not `plan --gpu`.
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(`pagoda: ${asOneLine(text)}\n`) });
  for (const add of commands) add(program);
  program.hook("preAction", () => refuseUnknownVariables(process.env));
  return program;
}

/** commander puts its suggestion on a second line. */
function asOneLine(text: string): string {
  return text
    .replace(/^error: /, "")
    .trim()
    .replaceAll(/\s*\n\s*/g, " ");
}
