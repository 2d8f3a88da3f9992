/** @module Options of the server around the instance. */
import { isIPv6 } from "node:net";
import { PagodaError } from "../../core/errors.ts";
import { oneOf, onOrOff, option, wholeNumber } from "../../core/options/option.ts";

const server = "Server:";

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

export type LogFormat = "auto" | "pretty" | "json";

/** A model of another OpenAI-compatible server. */
export interface RemoteModel {
  /** As that server calls it. */
  readonly name: string;
  readonly url: URL;
}

/** Names or addresses without scheme, port and brackets. */
function hostNames(text: string): readonly string[] {
  return listed(text).map((name) => {
    const bare = /^\[(.*)\]$/.exec(name)?.[1] ?? name;
    if (/^[\w.-]+$/.test(bare) || isIPv6(bare)) return bare;
    throw new PagodaError("invalid_option", `'${name}' is not the name or the address of a host.`, {
      hint: "Write it without scheme and port, such as llm.example.",
    });
  });
}

/** `NAME=URL`, several with spaces or commas between them. */
function remoteModels(text: string): readonly RemoteModel[] {
  return listed(text).map(remoteModel);
}

function listed(text: string): string[] {
  return text.split(/[,\s]+/).filter((part) => part !== "");
}

function remoteModel(text: string): RemoteModel {
  const [, name = "", address = ""] = /^(.+?)=(.+)$/.exec(text) ?? [];
  // The base URL that clients are given ends with /v1; paths are added to what is before it.
  const url = URL.parse(address.replace(/\/v1\/?$/, ""));
  if (name !== "" && (url?.protocol === "http:" || url?.protocol === "https:")) return { name, url };
  throw new PagodaError("invalid_option", `'${text}' is not a name and an http URL.`, {
    hint: "Write NAME=URL, such as llama=http://127.0.0.1:8001/v1.",
  });
}

export const serverOptions = {
  host: option(["--host", "--server-name"], {
    argument: "address",
    parse: (text: string) => text,
    help: "address to listen on (default 127.0.0.1)",
    group: server,
  }),
  port: option(["--port", "--server-port"], {
    argument: "port",
    parse: wholeNumber(0, 65_535),
    help: "port to listen on; 0: any free one (default 8000)",
    group: server,
  }),
  allowedHosts: option<readonly string[]>(["--allowed-host"], {
    argument: "name...",
    parse: hostNames,
    help: "names that Host and Origin headers may have beside localhost and --host; others are refused (default on a loopback address: none)",
    group: server,
  }),
  maxConnections: option(["--max-connections"], {
    argument: "n",
    parse: wholeNumber(1, 65_536),
    help: "connections at once, 14 KiB each; one more takes the place of one that waits, or is refused (default 1024)",
    group: server,
  }),
  replicas: option(["--replicas"], {
    argument: "n",
    parse: wholeNumber(1, 64),
    help: "identical instances behind one address, each with the whole --memory; started one after another (default 1)",
    group: server,
  }),
  remoteModels: option<readonly RemoteModel[]>(["--remote-model"], {
    argument: "name=url...",
    parse: remoteModels,
    help: "serve a model of another OpenAI-compatible server too: requests for NAME are passed on to URL as they are",
    group: server,
  }),
  shutdownGraceMs: option(["--shutdown-grace-ms"], {
    argument: "ms",
    parse: wholeNumber(0, 3_600_000),
    help: "on SIGTERM or Ctrl-C, how long running requests may take to finish (default 10000)",
    group: server,
  }),
  logLevel: option<LogLevel>(["--log-level"], {
    argument: "level",
    parse: oneOf<LogLevel>({
      fatal: "fatal",
      error: "error",
      warn: "warn",
      info: "info",
      debug: "debug",
      trace: "trace",
      silent: "silent",
    }),
    help: "fatal, error, warn, info, debug, trace or silent (default info)",
    group: server,
  }),
  logFormat: option<LogFormat>(["--log-format"], {
    argument: "format",
    parse: oneOf<LogFormat>({ auto: "auto", pretty: "pretty", json: "json" }),
    help: "pretty: lines for people; json: a line of JSON each; auto: pretty on a terminal, else json (default auto)",
    group: server,
  }),
  json: option(["--json"], {
    argument: null,
    parse: onOrOff,
    help: "print the memory report as one line of JSON instead of a table, and the address on standard error",
    group: server,
  }),
  verbose: option(["--verbose"], {
    argument: null,
    parse: onOrOff,
    help: "show stack traces of start-up faults",
    group: server,
  }),
} as const;
