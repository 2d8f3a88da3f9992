/** @module The requests that a running server recorded, as the load of a tuning run. */
import { trafficSchema } from "../../../api/admin/observatory/index.ts";
import { PagodaError } from "../../../core/errors.ts";
import type { Resolved } from "../../../core/resolved.ts";
import { askServer } from "../settings-client.ts";

/** null: `--trace` names a file, or is not stated. Throws where the server has no such record, or an empty one. */
export async function recordedLoad(values: {
  readonly trace: Resolved<string> | null;
  readonly apiKey?: Resolved<string> | null;
}): Promise<string | null> {
  const url = values.trace?.value ?? "";
  if (!/^https?:\/\//i.test(url)) return null;
  const address = { url, ...(values.apiKey == null ? {} : { apiKey: values.apiKey.value }) };
  const { answer, status } = await askServer({ method: "GET", path: "/admin/traffic", body: null }, address);
  const parsed = trafficSchema.safeParse(answer);
  if (!parsed.success)
    throw new PagodaError(
      "endpoint_unreachable",
      `The server at ${url} has no record of its requests: it answers ${status}.`,
      { hint: "Name a server of Pagoda, with --api-key if it asks for a key." },
    );
  if (parsed.data.requests.length === 0)
    throw new PagodaError("invalid_option", `The server at ${url} has not answered a request yet.`, {
      hint: "Ask again when it has served some, or describe the load with --users and --prompt-tokens.",
    });
  return JSON.stringify(parsed.data);
}
