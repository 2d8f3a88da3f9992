/** @module Completion for bash. */
import { type CompletedCommand, type Wanted, withInner } from "./command-tree.ts";

/** `pagoda models list --names` is asked for when a model is completed, and for nothing else. */
const modelWords = '"$(pagoda models list --names 2>/dev/null)"';

export function bashCompletion(root: CompletedCommand): string {
  const all = withInner(root);
  return `# Completion of ${root.path} for bash. Add to ~/.bashrc: source <(${root.path} completion bash)
_${root.path}() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=${root.path} index
  # bash cuts --option=value into three words.
  if [[ $current == = ]]; then current=; elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$command \${COMP_WORDS[index]}" in
      ${all
        .slice(1)
        .map(({ path }) => `"${path}"`)
        .join(" | ")})
        command="$command \${COMP_WORDS[index]}" ;;
    esac
  done
  COMPREPLY=()
  case "$command $before" in
${all.flatMap(valueCases).join("\n")}
  esac
  if [[ $current == -* ]]; then
    case "$command" in
${all.map(optionCase).join("\n")}
    esac
    return
  fi
  case "$command" in
${all.flatMap(wordCase).join("\n")}
  esac
}
complete -o default -F _${root.path} ${root.path}
`;
}

const reply = (words: string): string => `COMPREPLY=($(compgen -W ${words} -- "$current"))`;

function valueCases({ path, options }: CompletedCommand): string[] {
  return options.flatMap(({ flag, value }) =>
    value === null ? [] : [`    "${path} ${flag}") ${replyWith(value)} return ;;`],
  );
}

/** Nothing: bash offers files. */
function replyWith(wanted: Wanted): string {
  if (wanted.kind === "words") return `${reply(`"${wanted.words.join(" ")}"`)};`;
  if (wanted.kind !== "models") return "";
  return `${reply(modelWords)}; COMPREPLY+=($(compgen -f -- "$current")); compopt -o filenames;`;
}

function optionCase({ path, options }: CompletedCommand): string {
  return `      "${path}") ${reply(`"${options.map(({ flag }) => flag).join(" ")}"`)} ;;`;
}

function wordCase({ path, commands, argument }: CompletedCommand): string[] {
  const names = commands.map((command) => command.path.slice(path.length + 1));
  const inner = names.length === 0 ? "" : `${reply(`"${names.join(" ")}"`)};`;
  const own = replyWith(argument);
  const added = inner === "" ? own : own.replace("COMPREPLY=(", "COMPREPLY+=(");
  return inner + own === "" ? [] : [`    "${path}") ${`${inner} ${added}`.trim()} ;;`];
}
