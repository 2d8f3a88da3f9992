/** @module The command that started this process, with one flag set to another value. */

/**
 * Every spelling of the option is replaced by its first one.
 *
 * @param args the command's words behind the program
 */
export function restartCommand(args: readonly string[], spellings: readonly string[], value: string): string {
  const [flag = ""] = spellings;
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    const isJoined = spellings.some((spelling) => word.startsWith(`${spelling}=`));
    if (spellings.includes(word)) i++;
    else if (!isJoined) kept.push(word);
  }
  return ["pagoda", ...kept, flag, value].map(quoted).join(" ");
}

/** As a shell reads it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
