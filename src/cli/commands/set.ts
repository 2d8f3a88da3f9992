/** @module pagoda set: shows and changes the settings of a running server. */
import type { Command } from "commander";
import { type SettingsAnswer, settingNamed, settingNames } from "../../api/admin/observatory/index.ts";
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { type AdminRequest, askSettings, defaultServerUrl } from "./settings-client.ts";

const examples = `
Examples:
  What is in force, and how far each setting may go:
    pagoda set
  Fewer seats and shorter steps, from the next step on:
    pagoda set max-num-seqs=8 max-step-ms=100
  At most 200 blocks of the KV pool in use:
    pagoda set max-num-blocks=200
  Forget all cached prompt beginnings:
    pagoda set reset-prefix-cache=on
  Undo the last change:
    pagoda set --revert`;

interface SetOptions {
  readonly url: string;
  readonly apiKey?: string;
  readonly json?: true;
  readonly revert?: true;
}

export function addSetCommand(program: Command): void {
  program
    .command("set")
    .argument("[setting=value...]", "settings to change; without any, what is in force is shown")
    .description("Change the settings of a running server, without a restart.")
    .option("--url <url>", "the server", defaultServerUrl)
    .option("--api-key <key>", "its key, if it asks for one")
    .option("--revert", "undo the last change")
    .option("--json", "print the server's answer as one line of JSON")
    .addHelpText("after", examples)
    .action((pairs: readonly string[], options: SetOptions) => set(pairs, options));
}

async function set(pairs: readonly string[], options: SetOptions): Promise<void> {
  if (options.revert && pairs.length > 0)
    throw new PagodaError("invalid_option", `--revert and ${pairs[0]} are two different changes.`, {
      hint: "Give one of them.",
    });
  const answer = await askSettings(requestOf(pairs, options), options);
  console.log(options.json ? JSON.stringify(answer) : settingsText(answer));
}

function requestOf(pairs: readonly string[], { revert }: SetOptions): AdminRequest {
  if (revert) return { method: "POST", path: "/admin/settings/revert", body: null };
  if (pairs.length === 0) return { method: "GET", path: "/admin/settings", body: null };
  return { method: "PATCH", path: "/admin/settings", body: changeOf(pairs) };
}

/** Exported for its test. Throws where a setting is named twice, in whatever spelling. */
export function changeOf(pairs: readonly string[]): Readonly<Record<string, unknown>> {
  const change: Record<string, unknown> = {};
  for (const pair of pairs) {
    const [name, value] = settingOf(pair);
    if (Object.hasOwn(change, name))
      throw new PagodaError("invalid_option", `'${pair}' sets ${name} for the second time.`, {
        hint: "State each setting once.",
      });
    change[name] = value;
  }
  return change;
}

/** `max-num-seqs=8` as a name and a value. Exported for its test. */
export function settingOf(pair: string): readonly [string, unknown] {
  const [, stated = "", value = ""] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
  if (stated === "")
    throw new PagodaError("invalid_option", `'${pair}' is not a setting and its value.`, {
      hint: "Write NAME=VALUE, such as max-num-seqs=8.",
    });
  if (value === "")
    throw new PagodaError("invalid_option", `'${pair}' states no value.`, {
      hint: "Write a value behind it, such as max-num-seqs=8.",
    });
  const name = settingNamed(stated);
  if (!settingNames.includes(name)) {
    const [nearest] = nearestNames(name, settingNames, 1);
    throw new PagodaError("invalid_option", `There is no setting '${stated}'.`, {
      hint: nearest === undefined ? `The settings are ${settingNames.join(", ")}.` : `Use ${nearest}.`,
    });
  }
  return [name, name === "routerWeights" ? weightsIn(value) : valueIn(value)];
}

function valueIn(text: string): unknown {
  if (/^(?:on|true|yes)$/i.test(text)) return true;
  if (/^(?:off|false|no)$/i.test(text)) return false;
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

/** `a-0:2,a-1:1` */
function weightsIn(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [, id = "", weight = ""] = /^(.+):([\d.]+)$/.exec(pair) ?? [];
      if (id === "" || !Number.isFinite(Number(weight)))
        throw new PagodaError("invalid_option", `'${pair}' is not an instance and its weight.`, {
          hint: "Write ID:WEIGHT, several with commas between them, such as model-0:2,model-1:1.",
        });
      return [id, Number(weight)];
    }),
  );
}

function settingsText({ revision, state, logLevel, maxQueue, router, instances }: SettingsAnswer): string {
  const queue = maxQueue === null ? "any number may wait" : `at most ${maxQueue} may wait`;
  const lines = [`revision ${revision}, ${state}; log level ${logLevel}; ${queue}`];
  if (router !== null)
    lines.push(
      `router: ${router.policy}, at most ${router.maxWaiting} waiting, each ${router.queueDeadlineMs} ms; weights ${JSON.stringify(router.weights)}`,
    );
  for (const [instanceId, { requested, effective, ceilings }] of Object.entries(instances)) {
    lines.push(`${instanceId}:`);
    for (const [name, value] of Object.entries(requested)) {
      const ceiling = (ceilings as Readonly<Record<string, number>>)[name];
      const now = (effective as Readonly<Record<string, unknown>>)[name];
      const still = now === value ? "" : `, still ${now}`;
      lines.push(
        `  ${name.padEnd(20)} ${value}${still}${ceiling === undefined ? "" : ` (up to ${ceiling})`}`,
      );
    }
  }
  return lines.join("\n");
}
