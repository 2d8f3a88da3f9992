/** @module Completion for zsh. */
import { type CompletedCommand, type Wanted, withInner } from "./command-tree.ts";

export function zshCompletion(root: CompletedCommand): string {
  const all = withInner(root);
  return `#compdef ${root.path}
# Completion of ${root.path} for zsh. Add to ~/.zshrc, behind compinit: source <(${root.path} completion zsh)
_${root.path}() {
  local command=${root.path} index
  local -a found
  for ((index = 2; index < CURRENT; index++)); do
    case "$command \${words[index]}" in
      ${all
        .slice(1)
        .map(({ path }) => `"${path}"`)
        .join(" | ")})
        command="$command \${words[index]}" ;;
    esac
  done
  case "$command \${words[CURRENT-1]}" in
${all.flatMap(valueCases).join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    case "$command" in
${all.map(optionCase).join("\n")}
    esac
    _describe option found
    return
  fi
  case "$command" in
${all.map(wordCase).join("\n")}
  esac
}
if [[ "\${funcstack[1]}" == "_${root.path}" ]]; then _${root.path} "$@"; else compdef _${root.path} ${root.path}; fi
`;
}

function valueCases({ path, options }: CompletedCommand): string[] {
  return options.flatMap(({ flag, value }) =>
    value === null ? [] : [`    "${path} ${flag}") ${offer(value)}; return ;;`],
  );
}

function offer(wanted: Wanted): string {
  if (wanted.kind === "words") return `compadd -- ${wanted.words.join(" ")}`;
  if (wanted.kind === "models")
    return `compadd -- \${(f)"$(pagoda models list --names 2>/dev/null)"}; _files`;
  return "_files";
}

function optionCase({ path, options }: CompletedCommand): string {
  return `      "${path}") found=(${options.map(({ flag, help }) => `'${flag}:${help}'`).join(" ")}) ;;`;
}

function wordCase({ path, commands, argument }: CompletedCommand): string {
  const names = commands.map((command) => `'${command.path.slice(path.length + 1)}:${command.help}'`);
  const inner = names.length === 0 ? [] : [`found=(${names.join(" ")}); _describe command found`];
  const own = names.length > 0 && argument.kind === "anything" ? [] : [offer(argument)];
  return `    "${path}") ${[...inner, ...own].join("; ")} ;;`;
}
