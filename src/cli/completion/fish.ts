/** @module Completion for fish. */
import { type CompletedCommand, type CompletedOption, type Wanted, withInner } from "./command-tree.ts";

export function fishCompletion(root: CompletedCommand): string {
  const all = withInner(root);
  return `# Completion of ${root.path} for fish. Save it: ${root.path} completion fish > ~/.config/fish/completions/${root.path}.fish
function __${root.path}_command
    set -l command ${root.path}
    for word in (commandline -opc)[2..]
        switch "$command $word"
            case ${all
              .slice(1)
              .map(({ path }) => `"${path}"`)
              .join(" ")}
                set command "$command $word"
        end
    end
    echo $command
end
${all.flatMap((command) => linesOf(root.path, command)).join("\n")}
`;
}

function linesOf(program: string, { path, options, commands, argument }: CompletedCommand): string[] {
  const at = `complete -c ${program} -n 'test (__${program}_command) = "${path}"'`;
  return [
    ...commands.map((command) => `${at} -f -a '${command.path.slice(path.length + 1)}' -d '${command.help}'`),
    ...(commands.length > 0 && argument.kind === "anything" ? [] : [`${at} ${offer(argument)}`]),
    ...options.map((option) => `${at} ${optionOf(option)}`),
  ];
}

function optionOf({ flag, help, value }: CompletedOption): string {
  const name = `-l ${flag.slice(2)} -d '${help}'`;
  return value === null ? name : `${name} -r ${offer(value)}`;
}

function offer(wanted: Wanted): string {
  if (wanted.kind === "words") return `-f -a '${wanted.words.join(" ")}'`;
  if (wanted.kind === "models") return "-F -a '(pagoda models list --names 2>/dev/null)'";
  return "-F";
}
