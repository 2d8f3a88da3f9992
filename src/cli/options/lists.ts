/** @module Options that take several words, with spaces or commas between them. */
import { isIPv6 } from "node:net";
import { PagodaError } from "../../core/errors.ts";

export function listed(text: string): string[] {
  return text.split(/[,\s]+/).filter((part) => part !== "");
}

/** Names or addresses without scheme, port and brackets. */
export function hostNames(text: string): readonly string[] {
  return listed(text).map((name) => {
    const bare = /^\[(.*)\]$/.exec(name)?.[1] ?? name;
    if (/^[\w.-]+$/.test(bare) || isIPv6(bare)) return bare;
    throw new PagodaError("invalid_option", `'${name}' is not the name or the address of a host.`, {
      hint: "Write it without scheme and port, such as llm.example.",
    });
  });
}
