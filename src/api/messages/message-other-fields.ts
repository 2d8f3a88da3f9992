/** @module Fields of Anthropic's protocol that are refused or have no effect here. */
import type { EndpointFields, RefusedField } from "../fields/endpoint-fields.ts";

const never = (): boolean => false;

export const otherMessageFields: Omit<EndpointFields, "schema"> = {
  // Other servers ask for a feature with it; here it is part of the protocol.
  ownFields: new Set(["thinking"]),
  refused: new Map<string, RefusedField>([
    [
      "container",
      { isHarmless: never, why: "is not a part of this server", instead: "Leave 'container' out." },
    ],
    [
      "mcp_servers",
      {
        isHarmless: (value) => Array.isArray(value) && value.length === 0,
        why: "asks this server to call others, which it does not do",
        instead: "Send tools that the client runs.",
      },
    ],
    [
      "context_management",
      {
        isHarmless: never,
        why: "asks to drop parts of the messages, which this server does not do",
        instead: "Shorten the messages.",
      },
    ],
  ]),
  ignored: new Map([
    ["cache_control", "the prefix cache looks at every prompt by itself"],
    ["diagnostics", "the answer reports nothing of it"],
    ["inference_geo", "the model runs on this machine"],
    ["speed", "this server has one kind of service"],
    ["user_profile_id", "it identifies the caller"],
    ["workspace_id", "it identifies the caller"],
  ]),
};
