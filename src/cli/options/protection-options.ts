/** @module Options of the server that say who may use it, and how much. */
import { PagodaError } from "../../core/errors.ts";
import { onOrOff, option, wholeNumber } from "../../core/options/option.ts";
import { hostNames, listed } from "./lists.ts";

const protection = "Protection:";

/** Origins with spaces or commas between them, or a JSON list of them as vLLM takes it. */
function origins(text: string): readonly string[] {
  const stated = text.trim().startsWith("[") ? listed(text.replace(/[[\]"]/g, " ")) : listed(text);
  for (const origin of stated)
    if (origin !== "*" && !/^[a-z][a-z0-9+.-]*:\/\/[^/\s]+\/?$/i.test(origin))
      throw new PagodaError("invalid_option", `'${origin}' is not an origin.`, {
        hint: "Write scheme and host, such as https://app.example, or * for any.",
      });
  return stated;
}

const aPath = (text: string): string => text;

export const protectionOptions = {
  apiKeys: option<readonly string[]>(["--api-key"], {
    argument: "key...",
    parse: listed,
    help: "keys that requests need; other users of the machine see flags, so prefer the variable or --api-key-file",
    group: protection,
  }),
  apiKeyFile: option(["--api-key-file"], {
    argument: "path",
    parse: aPath,
    help: "a file with one key a line, each with limits behind it: requests_per_minute=N tokens_per_minute=N; read again on SIGHUP",
    group: protection,
  }),
  adminKeys: option<readonly string[]>(["--admin-key"], {
    argument: "key...",
    parse: listed,
    help: "keys for /admin, sleep and reset, and for all else; without one they answer on a loopback address without --api-key only",
    group: protection,
  }),
  isolateKeys: option(["--isolate-keys"], {
    argument: null,
    parse: onOrOff,
    help: "each key has prefixes of its own in the prefix cache, so that no time and no count shows another key's prompts",
    group: protection,
  }),
  allowedHosts: option<readonly string[]>(["--allowed-host"], {
    argument: "name...",
    parse: hostNames,
    help: "names that Host and Origin headers may have beside localhost and --host; others are refused (default on a loopback address: none)",
    group: protection,
  }),
  corsOrigins: option<readonly string[]>(["--cors-origin", "--allowed-origins"], {
    argument: "origin...",
    parse: origins,
    help: "pages of these origins may read answers (CORS), * for any (default none)",
    group: protection,
  }),
  sslCertfile: option(["--ssl-certfile"], {
    argument: "path",
    parse: aPath,
    help: "certificate chain (PEM): the server speaks HTTPS; read again on SIGHUP",
    group: protection,
  }),
  sslKeyfile: option(["--ssl-keyfile"], {
    argument: "path",
    parse: aPath,
    help: "private key of --ssl-certfile (PEM)",
    group: protection,
  }),
  maxConnections: option(["--max-connections"], {
    argument: "n",
    parse: wholeNumber(1, 65_536),
    help: "connections at once, 14 KiB each; one more takes the place of one that waits, or is refused (default 1024)",
    group: protection,
  }),
  maxQueue: option(["--max-queue"], {
    argument: "n",
    parse: wholeNumber(0),
    help: "sequences that may wait for a seat; further requests get 429 with Retry-After (default any number)",
    group: protection,
  }),
} as const;
