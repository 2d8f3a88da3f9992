/** @module The prompt of `pagoda run`: an argument, or what is piped in. */
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { PagodaError } from "../core/errors.ts";

/** `-`, or no argument where `input` is not a keyboard, is all of `input` without its last line break. */
export async function promptFrom(
  argument: string | undefined,
  input: Readable & { readonly isTTY?: boolean },
): Promise<string> {
  if (argument !== undefined && argument !== "-") return argument;
  if (argument === undefined && input.isTTY === true)
    throw new PagodaError("invalid_option", "there is no prompt", {
      hint: `Give it after the model, as in pagoda run MODEL "What is a pagoda?", or pipe it in.`,
    });
  const piped = (await text(input)).replace(/\r?\n$/, "");
  if (piped !== "") return piped;
  throw new PagodaError("invalid_option", "the prompt on standard input is empty");
}
