/** @module One component of a plan by its name. */
import { exact, type Quantity } from "../quantity/quantity.ts";
import type { Plan, PlanComponent } from "./plan.ts";

/** The bytes a plan gives to a component; nothing where it has none. */
export function partOf(plan: Plan, name: PlanComponent["name"]): Quantity {
  return (
    plan.components.find((component) => component.name === name)?.quantity ?? exact(0, "not in this plan")
  );
}

/** The expected bytes of a component; 0 where the plan has none. */
export function bytesOf(plan: Plan, name: PlanComponent["name"]): number {
  return partOf(plan, name).expectedBytes;
}
