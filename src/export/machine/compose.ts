/**
 * @module A Compose file for one machine: our own models in one container, which is their fleet; every instance of another
 * engine in a container of its own, those of one card one after another.
 */
import { mib } from "../../core/byte-size.ts";
import { type CommentedDocument, type ExportedFile, yamlText } from "../fleet/documents.ts";
import { engineFacts, isOwnEngine } from "../fleet/engine-facts.ts";
import { type ExportedFleet, type ExportedModel, limitMargin, plainName } from "../fleet/exported-fleet.ts";

interface ComposeParts {
  /** Of our own engine's container. */
  readonly ownImage: string;
  /** Bytes that the supervisor itself may hold. */
  readonly supervisorBytes: number;
  /** The fleet file with the models of our own engine alone, as text. */
  readonly ownFleetFile: string;
  /** Devices of each instance of the other engines, in the order of their starts. */
  readonly placed: readonly PlacedInstance[];
}

interface PlacedInstance {
  readonly model: string;
  readonly instanceId: string;
  /** As the driver of the cards counts them. */
  readonly cards: readonly string[];
}

/** Of the image that deploy/Dockerfile builds. */
const ownNode = "/app/node_modules/node/bin/node";
const ownFleetName = "fleet.own.yaml";

export function composeFiles(fleet: ExportedFleet, parts: ComposeParts): readonly ExportedFile[] {
  const own = fleet.models.filter(({ engine }) => isOwnEngine(engine));
  const others = fleet.models.filter(({ engine }) => !isOwnEngine(engine));
  const services = {
    ...(own.length === 0 ? {} : { pagoda: ownService(fleet, own, parts) }),
    ...otherServices(fleet, parts),
  };
  const document: CommentedDocument = {
    comments: [
      `The fleet ${fleet.name}. Models that are files of this machine belong into ./models.`,
      ...(others.length > 0 && fleet.hasApiKey
        ? ["Requests need a key: set FLEET_API_KEY in the environment or in .env."]
        : []),
      ...(others.length > 0
        ? [
            "Every container of another engine has a port of its own; `pagoda serve --remote-model` puts them behind one.",
          ]
        : []),
    ],
    content: { name: plainName(fleet.name), services },
  };
  const file = { name: "compose.yaml", text: yamlText([document]) };
  return own.length === 0 ? [file] : [file, { name: ownFleetName, text: parts.ownFleetFile }];
}

function ownService(fleet: ExportedFleet, own: readonly ExportedModel[], parts: ComposeParts): object {
  const bytes = own.reduce(
    (sum, { replicas, rankBytes, numRanks }) => sum + Math.max(1, replicas.max) * rankBytes * numRanks,
    parts.supervisorBytes,
  );
  const limit = `${Math.ceil((bytes * limitMargin) / mib)}m`;
  return {
    image: parts.ownImage,
    command: ["up", `/etc/pagoda/${ownFleetName}`],
    ports: [`${fleet.port}:${fleet.port}`],
    volumes: [`./${ownFleetName}:/etc/pagoda/${ownFleetName}:ro`, "./models:/models"],
    environment: {
      HF_HOME: "/models/cache",
      PAGODA_CACHE: "/models/cache",
      ...passedOn(own.flatMap(({ hidden }) => hidden)),
    },
    mem_limit: limit,
    // Swapped pages would be counted as free, and each token would wait for them.
    memswap_limit: limit,
    stop_grace_period: `${fleet.graceSeconds + 10}s`,
    restart: "unless-stopped",
    healthcheck: healthCheck([ownNode, "-e", healthProbe(fleet.port)], own),
  };
}

const healthProbe = (port: number): string =>
  `fetch('http://127.0.0.1:${port}/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`;

function otherServices(fleet: ExportedFleet, { placed }: ComposeParts): Record<string, object> {
  const byName = new Map(fleet.models.map((model) => [model.name, model]));
  const services: Record<string, object> = {};
  const lastOnCard = new Map<string, string>();
  let port = fleet.port;
  for (const { model: name, instanceId, cards } of placed) {
    const model = byName.get(name);
    if (model === undefined || isOwnEngine(model.engine)) continue;
    port += 1;
    const before = [...new Set(cards.flatMap((card) => lastOnCard.get(card) ?? []))];
    services[plainName(instanceId)] = instanceService(fleet, model, { cards, before, port });
    for (const card of cards) lastOnCard.set(card, plainName(instanceId));
  }
  return services;
}

interface InstancePlace {
  readonly cards: readonly string[];
  /** Services that must be ready first: engines that start at once on one card count each other's memory. */
  readonly before: readonly string[];
  readonly port: number;
}

function instanceService(
  fleet: ExportedFleet,
  model: ExportedModel,
  { cards, before, port }: InstancePlace,
): object {
  const key = engineFacts(model.engine)?.keyVariable ?? null;
  const devices = [{ driver: "nvidia", device_ids: cards, capabilities: ["gpu"] }];
  const [command = "", ...args] = model.command;
  return {
    image: model.image,
    entrypoint: [command],
    command: fleet.hasApiKey && key === null ? [...args, "--api-keys", variable("FLEET_API_KEY")] : args,
    ports: [`${port}:${model.port}`],
    volumes: ["./models:/models"],
    environment: {
      ...model.environment,
      ...passedOn(model.hidden),
      HF_HOME: "/models/cache",
      PAGODA_CACHE: "/models/cache",
      HF_TOKEN: variable("HF_TOKEN:-"),
      ...(key === null ? {} : keyVariable(fleet, key)),
    },
    ...(model.runs === "cards" ? { deploy: { resources: { reservations: { devices } } }, ipc: "host" } : {}),
    stop_grace_period: `${fleet.graceSeconds + 10}s`,
    restart: "unless-stopped",
    healthcheck: healthCheck(
      ["curl", "--fail", "--silent", `http://127.0.0.1:${model.port}/health`],
      [model],
    ),
    ...(before.length === 0
      ? {}
      : { depends_on: Object.fromEntries(before.map((name) => [name, { condition: "service_healthy" }])) }),
  };
}

/** From the environment of the one who starts it, or from .env. */
function passedOn(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, variable(name)]));
}

/** As Compose writes a variable of its environment; `:-` behind the name: it may be absent. */
const variable = (name: string): string => `$\{${name}}`;

function keyVariable(fleet: ExportedFleet, name: string): Record<string, string> {
  return fleet.hasApiKey ? { [name]: variable("FLEET_API_KEY") } : {};
}

function healthCheck(test: readonly string[], models: readonly ExportedModel[]): object {
  const startSeconds = Math.max(...models.map((model) => model.startSeconds));
  return {
    test: ["CMD", ...test],
    interval: "10s",
    timeout: "5s",
    retries: 6,
    start_period: `${startSeconds}s`,
    start_interval: "2s",
  };
}
