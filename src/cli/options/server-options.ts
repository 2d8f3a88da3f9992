/** @module Options of the server around the instance. */
import { PagodaError } from "../../core/errors.ts";
import { oneOf, onOrOff, option, wholeNumber } from "../../core/options/option.ts";
import { hostNames, listed } from "./lists.ts";

const server = "Server:";

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

export type LogFormat = "auto" | "pretty" | "json";

/** A model of another OpenAI-compatible server. */
export interface RemoteModel {
  /** As that server calls it. */
  readonly name: string;
  readonly url: URL;
}

/** `NAME=URL`, several with spaces or commas between them. */
function remoteModels(text: string): readonly RemoteModel[] {
  return listed(text).map(remoteModel);
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

function httpUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new PagodaError("invalid_option", `'${text}' is not an http URL.`, {
    hint: "Write it as http://host:port.",
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
  replicas: option(["--replicas"], {
    argument: "n",
    parse: wholeNumber(1, 64),
    help: "identical instances behind one address, each with the whole --memory; started one after another (default 1)",
    group: server,
  }),
  resumeStreams: option(["--resume-streams"], {
    argument: null,
    parse: onOrOff,
    help: "with --replicas, another instance goes on with the stream of one that has ended, from the tokens that were sent: the text is the same",
    group: server,
  }),
  remoteModels: option<readonly RemoteModel[]>(["--remote-model"], {
    argument: "name=url...",
    parse: remoteModels,
    help: "serve a model of another OpenAI-compatible server too: requests for NAME are passed on to URL as they are",
    group: server,
  }),
  proxyUrl: option<URL>(["--proxy-url"], {
    argument: "url",
    parse: httpUrl,
    help: "register this server with LMDeploy's proxy at this address, and again whenever the proxy has forgotten it",
    group: server,
  }),
  acceptNodes: option<readonly string[]>(["--accept-nodes"], {
    argument: "address...",
    parse: hostNames,
    help: "servers at these addresses may register themselves (LMDeploy's --proxy-url): any, or addresses; those of this machine may too (default: nobody)",
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
  history: option(["--history"], {
    argument: "file",
    parse: (text: string) => text,
    help: "keep the figures of each minute in this file (SQLite), 30 days of them (default: a day, in memory)",
    group: server,
  }),
  otlpEndpoint: option<URL>(["--otlp-endpoint"], {
    argument: "url",
    parse: httpUrl,
    help: "send a trace of each request to this OpenTelemetry collector (OTLP over HTTP, JSON), such as http://127.0.0.1:4318",
    group: server,
  }),
  wakeOnRequest: option(["--wake-on-request"], {
    argument: null,
    parse: onOrOff,
    help: "a request for a sleeping model (POST /sleep) wakes it and waits for that, instead of being refused",
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
