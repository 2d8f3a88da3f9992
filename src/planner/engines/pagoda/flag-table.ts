/** @module The flags of `pagoda serve`; a test holds the table to the options that the command registers. */

import type { FlagSpec } from "../../plan/flag.ts";
import { memoryOptions } from "./memory/options.ts";

/** Spellings that have a vocabulary of their own are flags of their own. */
const ofMemory: readonly FlagSpec[] = Object.values(memoryOptions).flatMap(({ spellings }) => {
  const [first, ...others] = spellings;
  const name = first.flag.slice(2);
  const hasOwnWords = (spelling: { readonly parse?: unknown }): boolean => spelling.parse !== undefined;
  const aliases = others.filter((spelling) => !hasOwnWords(spelling)).map(({ flag }) => flag.slice(2));
  const apart = others
    .filter(hasOwnWords)
    .map(({ flag }) => ({ name: flag.slice(2), kind: "text" as const }));
  return [{ name, kind: "text" as const, ...(aliases.length === 0 ? {} : { aliases }) }, ...apart];
});

/** What decides no memory: a plan passes it on. */
const others: readonly FlagSpec[] = [
  { name: "enable-prefix-caching", kind: "switch" },
  { name: "enable-chunked-prefill", kind: "switch" },
  { name: "max-step-ms", kind: "integer" },
  { name: "seed", kind: "integer" },
  { name: "model", kind: "text" },
  { name: "served-model-name", kind: "list" },
  { name: "any-model-name", kind: "switch" },
  { name: "chat-template", kind: "text" },
  { name: "trust-request-chat-template", kind: "switch" },
  { name: "tool-call-parser", kind: "text" },
  { name: "reasoning-parser", kind: "text" },
  { name: "enable-auto-tool-choice", kind: "switch" },
  { name: "generation-config", kind: "text" },
  { name: "override-generation-config", kind: "text" },
  { name: "backend", kind: "text" },
  { name: "kernels", kind: "text" },
  { name: "host", kind: "text", aliases: ["server-name"] },
  { name: "port", kind: "integer", aliases: ["server-port"] },
  { name: "allowed-host", kind: "list" },
  { name: "max-connections", kind: "integer" },
  { name: "max-queue", kind: "integer" },
  { name: "api-key", kind: "list" },
  { name: "api-key-file", kind: "text" },
  { name: "admin-key", kind: "list" },
  { name: "isolate-keys", kind: "switch" },
  { name: "cors-origin", kind: "list", aliases: ["allowed-origins"] },
  { name: "ssl-certfile", kind: "text" },
  { name: "ssl-keyfile", kind: "text" },
  { name: "replicas", kind: "integer" },
  { name: "remote-model", kind: "list" },
  { name: "accept-nodes", kind: "list" },
  { name: "proxy-url", kind: "text" },
  { name: "resume-streams", kind: "switch" },
  { name: "shutdown-grace-ms", kind: "integer" },
  { name: "history", kind: "text" },
  { name: "otlp-endpoint", kind: "text" },
  { name: "wake-on-request", kind: "switch" },
  { name: "log-format", kind: "text" },
  { name: "log-level", kind: "text" },
  { name: "json", kind: "switch" },
  { name: "verbose", kind: "switch" },
];

export const pagodaFlags: readonly FlagSpec[] = [...ofMemory, ...others];
