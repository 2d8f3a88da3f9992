/** @module `/admin/fleet`: how the fleet is, and changes of it by those who have its key. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  type FleetAction,
  type FleetControl,
  type FleetService,
  fleetActions,
  replicasOf,
} from "../../api/admin/fleet.ts";
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";

/** Without a fleet there are no routes. */
export function addFleetRoutes(app: FastifyInstance, fleet: FleetService | undefined): void {
  if (fleet === undefined) return;
  app.get("/admin/fleet", async () => fleet.view());
  const { control } = fleet;
  if (control === null) return;
  app.put<{ Querystring: { dry_run?: string } }>("/admin/fleet", async (request) => {
    requireKey(request, control);
    return control.apply(request.body, request.query.dry_run === "true");
  });
  app.post<{ Params: { name: string; action: string } }>("/admin/fleet/:name/:action", async (request) => {
    requireKey(request, control);
    const { name } = request.params;
    const action = actionNamed(request.params.action);
    await control.act(name, action, action === "scale" ? replicasOf(request.body) : null);
    return fleet.view();
  });
}

function requireKey({ headers }: FastifyRequest, control: FleetControl): void {
  const [, key = ""] = /^Bearer (.+)$/i.exec(headers.authorization ?? "") ?? [];
  if (control.isAdmin(key)) return;
  throw new PagodaError("admin_key_required", "Changes of the fleet need its key.", {
    hint: "Send it as Authorization: Bearer KEY; the commands of pagoda on the same machine know it.",
  });
}

function actionNamed(name: string): FleetAction {
  const action = fleetActions.find((known) => known === name);
  if (action !== undefined) return action;
  throw new PagodaError("not_found", `A fleet has no action '${shownText(name)}'.`, {
    hint: `Use one of ${fleetActions.join(", ")}.`,
  });
}
