/** @module pagoda completion: what a shell reads to complete commands, options, their words and models. */
import { Argument, type Command } from "commander";
import { wordsOfOptions } from "../options/register-options.ts";

const examples = `
Examples:
  In ~/.bashrc:
    source <(pagoda completion bash)
  In ~/.zshrc, behind compinit:
    source <(pagoda completion zsh)
  For fish, in ~/.config/fish/completions/pagoda.fish:
    pagoda completion fish > FILE

Models are completed from the cache, by asking
pagoda models list --names.`;

export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .addArgument(new Argument("<shell>", "the shell that will read it").choices(["bash", "zsh", "fish"]))
    .description("Print the completion of commands, options and models for a shell.")
    .addHelpText("after", examples)
    .action(async (shell: string) => {
      const { commandTree } = await import("../completion/command-tree.ts");
      const { bashCompletion } = await import("../completion/bash.ts");
      const { zshCompletion } = await import("../completion/zsh.ts");
      const { fishCompletion } = await import("../completion/fish.ts");
      const tree = commandTree(program, wordsOfOptions());
      const write = shell === "bash" ? bashCompletion : shell === "zsh" ? zshCompletion : fishCompletion;
      process.stdout.write(write(tree));
    });
}
