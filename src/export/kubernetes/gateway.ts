/**
 * @module The Gateway API's inference extension: a pool for each model, the picker that chooses among its pods, and routes
 * by the model's name.
 */
import type { CommentedDocument } from "../fleet/documents.ts";
import { engineFacts } from "../fleet/engine-facts.ts";
import { type ExportedFleet, type ExportedModel, plainName } from "../fleet/exported-fleet.ts";
import { objectName } from "./pod.ts";
import { answeringPods } from "./service.ts";

const group = "inference.networking.k8s.io";
const pickerPort = 9002;
/** Set by the gateway's body-based routing from the `model` of a request. */
const modelHeader = "X-Gateway-Model-Name";

export function inferencePool(
  fleet: ExportedFleet,
  model: ExportedModel,
  cardsPerNode: number | null,
): CommentedDocument {
  const name = objectName(fleet, model);
  return {
    comments: [`The endpoint picker ${name}-epp is installed by its own chart; its configuration is below.`],
    content: {
      apiVersion: `${group}/v1`,
      kind: "InferencePool",
      metadata: { name },
      spec: {
        selector: { matchLabels: answeringPods(fleet, model, cardsPerNode) },
        targetPorts: [{ number: model.port }],
        endpointPickerRef: { name: `${name}-epp`, port: { number: pickerPort }, failureMode: "FailOpen" },
      },
    },
  };
}

/** Requests of a model with a higher number come first; a fleet file says it the other way round. */
export function inferenceObjective(
  fleet: ExportedFleet,
  model: ExportedModel,
  priority: number,
): readonly CommentedDocument[] {
  if (priority === 0) return [];
  const name = objectName(fleet, model);
  return [
    {
      comments: [],
      content: {
        apiVersion: "llm-d.ai/v1alpha2",
        kind: "InferenceObjective",
        metadata: { name },
        spec: { priority: -priority, poolRef: { group, kind: "InferencePool", name } },
      },
    },
  ];
}

export function httpRoute(fleet: ExportedFleet, gateway: string): CommentedDocument {
  const isOnly = fleet.models.length === 1;
  return {
    comments: isOnly
      ? []
      : [
          `Several models: the gateway's body-based routing must set ${modelHeader} from the model of a request.`,
        ],
    content: {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: plainName(fleet.name) },
      spec: {
        parentRefs: [{ name: gateway }],
        rules: fleet.models.map((model) => ({
          ...(isOnly ? {} : { matches: namesOf(model).map(headerMatch) }),
          backendRefs: [{ group, kind: "InferencePool", name: objectName(fleet, model) }],
        })),
      },
    },
  };
}

const namesOf = ({ name, aliases }: ExportedModel): string[] => [name, ...aliases];

function headerMatch(value: string): object {
  return { headers: [{ type: "Exact", name: modelHeader, value }] };
}

/** Weights as in our router: a cached prefix counts most, then what waits and what the pool holds. */
export function pickerConfiguration(model: ExportedModel): CommentedDocument {
  const facts = engineFacts(model.engine);
  const extractor =
    facts === null || facts.hasKnownGauges
      ? []
      : [
          {
            type: "core-metrics-extractor",
            parameters: {
              engineConfigs: [
                {
                  name: facts.gatewayType,
                  queuedRequestsSpec: facts.gauges.waiting,
                  runningRequestsSpec: facts.gauges.running,
                  ...(facts.gauges.kvUse === null ? {} : { kvUsageSpec: facts.gauges.kvUse }),
                },
              ],
            },
          },
        ];
  const scorers = [
    ["queue-scorer", 2],
    ["kv-cache-utilization-scorer", 2],
    ["prefix-cache-scorer", 3],
  ] as const;
  return {
    comments: [],
    content: {
      apiVersion: "llm-d.ai/v1alpha1",
      kind: "EndpointPickerConfig",
      plugins: [...scorers.map(([type]) => ({ type })), { type: "max-score-picker" }, ...extractor],
      schedulingProfiles: [
        {
          name: "default",
          plugins: [
            ...scorers.map(([pluginRef, weight]) => ({ pluginRef, weight })),
            { pluginRef: "max-score-picker" },
          ],
        },
      ],
    },
  };
}
