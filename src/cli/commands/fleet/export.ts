/** @module pagoda export: a fleet file as manifests of Kubernetes, a Compose file, or a unit of systemd. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { PagodaError } from "../../../core/errors.ts";
import type { ExportedFile } from "../../../export/index.ts";
import type { ExportWishes } from "../../fleet/exported-fleet.ts";
import { defaultFile, exitCodes, leaveWhereItDoesNotFit } from "./fleet-command.ts";

interface ExportOptions {
  readonly output?: string;
  readonly gpu?: string;
  readonly cards: string;
  readonly image?: readonly string[];
  readonly json?: boolean;
  readonly style: string;
  readonly gateway: string;
  readonly cardsPerNode?: string;
}

const kubernetesExamples = `
Examples:
  pagoda export kubernetes | kubectl apply -f -
  pagoda export kubernetes fleet.yaml --gpu L4 --style gateway --output manifests
  pagoda export kubernetes fleet.yaml --gpu H100 --cards 16 --cards-per-node 8
  pagoda export kubernetes fleet.yaml --gpu A100-80GB --style kserve

${exitCodes}`;
const composeExamples = `
Examples:
  pagoda export compose fleet.yaml --output deploy
  pagoda export compose fleet.yaml --gpu L4 --image llama-server=IMAGE:TAG

${exitCodes}`;
const systemdExamples = `
Examples:
  pagoda export systemd fleet.yaml --output /etc/systemd/system
  pagoda export systemd /srv/models/fleet.yaml

${exitCodes}`;

export function addExportCommand(program: Command): void {
  const command = program
    .command("export")
    .description("Write what a fleet file plans as files of another supervisor.");
  shared(command.command("kubernetes"), "Manifests of Kubernetes: pods, services, scaling, monitoring.")
    .addOption(
      new Option(
        "--style <style>",
        "what stands before the pods: services alone, an inference gateway, llm-d, KServe",
      )
        .choices(["plain", "gateway", "llm-d", "kserve"])
        .default("plain"),
    )
    .option("--gateway <name>", "the Gateway that routes belong to", "inference-gateway")
    .option("--cards-per-node <n>", "cards of a node; an instance over more is split over nodes (vLLM)")
    .addHelpText("after", kubernetesExamples)
    .action((file: string, options: ExportOptions) =>
      leaveWhereItDoesNotFit(() => kubernetes(file, options)),
    );
  shared(command.command("compose"), "A Compose file for one machine.")
    .addHelpText("after", composeExamples)
    .action((file: string, options: ExportOptions) => leaveWhereItDoesNotFit(() => compose(file, options)));
  shared(command.command("systemd"), "A unit of systemd that runs pagoda up.")
    .addHelpText("after", systemdExamples)
    .action((file: string, options: ExportOptions) => leaveWhereItDoesNotFit(() => systemd(file, options)));
}

function shared(command: Command, description: string): Command {
  return command
    .description(description)
    .argument("[file]", "the fleet file", defaultFile)
    .option("-o, --output <folder>", "write files into this folder (default: print them)")
    .option("--gpu <name>", "the card of the other machines (default: the devices of this one)")
    .option("--cards <n>", "with --gpu: how many there are", "1")
    .option("--image <engine=image...>", "the container image of an engine")
    .option("--json", "print the files as one JSON object");
}

async function kubernetes(file: string, options: ExportOptions): Promise<void> {
  const { isKubernetesStyle, kubernetesFiles } = await import("../../../export/index.ts");
  const { spec, fleet } = await planned(file, options);
  const priorities = new Map(spec.models.map(({ name, priority }) => [name, priority]));
  const files = kubernetesFiles(fleet, {
    style: isKubernetesStyle(options.style) ? options.style : "plain",
    gateway: options.gateway,
    cardsPerNode:
      options.cardsPerNode === undefined ? null : positive("cards-per-node", options.cardsPerNode),
    priorityOf: (name) => priorities.get(name) ?? 0,
  });
  hand(files, options);
}

async function compose(file: string, options: ExportOptions): Promise<void> {
  const { composeFiles, ownFleetFile } = await import("../../../export/index.ts");
  const { supervisorBytes } = await import("../../fleet/supervisor-size.ts");
  const { version } = await import("../../print/version.ts");
  const { fleet, placed } = await planned(file, options);
  const files = composeFiles(fleet, {
    ownImage: imagesOf(options).get("pagoda") ?? `pagoda:${version}`,
    supervisorBytes,
    ownFleetFile: ownFleetFile(readFileSync(file, "utf8"), fleet),
    placed: placed.map(({ instanceId, deviceIds }) => ({
      model: instanceId.replace(/-\d+$/, ""),
      instanceId,
      cards: deviceIds.map((deviceId) => deviceId.replace(/^gpu/, "")),
    })),
  });
  hand(files, options);
}

async function systemd(file: string, options: ExportOptions): Promise<void> {
  const { unitFiles } = await import("../../../export/index.ts");
  const { supervisorBytes } = await import("../../fleet/supervisor-size.ts");
  const { spec, fleet } = await planned(file, options);
  const onProcessors = fleet.models.filter(({ runs }) => runs === "processors");
  const hostBytes = onProcessors.reduce(
    (sum, { replicas, rankBytes, numRanks }) => sum + Math.max(1, replicas.max) * rankBytes * numRanks,
    supervisorBytes,
  );
  const files = unitFiles(fleet, {
    program: [process.execPath, resolve(process.argv[1] ?? "")],
    fleetFile: resolve(file),
    workingFolder: dirname(resolve(file)),
    leavesInstances: spec.onExit === "leave",
    // Engines on cards take host memory that is not planned.
    hostBytes: onProcessors.length === fleet.models.length ? hostBytes : null,
  });
  hand(files, options);
}

async function planned(file: string, options: ExportOptions) {
  const { readFleetFile } = await import("../../../fleet/index.ts");
  const { exportedFleet } = await import("../../fleet/exported-fleet.ts");
  const { hiddenVariables } = await import("../../../export/index.ts");
  const spec = readFleetFile(file, process.env);
  const hidden = hiddenVariables(readFileSync(file, "utf8"));
  return { spec, ...(await exportedFleet(spec, { ...wishesOf(options), hidden })) };
}

function wishesOf(options: ExportOptions): Omit<ExportWishes, "hidden"> {
  const { gpu, cards } = options;
  return {
    cards: gpu === undefined ? null : { name: gpu, count: positive("cards", cards) },
    images: imagesOf(options),
  };
}

function imagesOf({ image = [] }: ExportOptions): ReadonlyMap<string, string> {
  return new Map(
    image.map((text) => {
      const [, engine, name] = /^([\w-]+)=(\S+)$/.exec(text) ?? [];
      if (engine !== undefined && name !== undefined) return [engine, name] as const;
      throw new PagodaError("invalid_option", `'${text}' is not an engine and an image.`, {
        param: "image",
        hint: "Write ENGINE=IMAGE:TAG, such as vllm=vllm/vllm-openai:v0.11.0.",
      });
    }),
  );
}

function positive(flag: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new PagodaError("invalid_option", `--${flag} must be a whole number above 0, and it is '${text}'.`, {
    param: flag,
    hint: `Write a number, such as --${flag} 8.`,
  });
}

/** Into the folder, or onto the output: one file after another, each under its name. */
function hand(files: readonly ExportedFile[], { output, json }: ExportOptions): void {
  if (json === true) {
    console.log(JSON.stringify({ schema: "pagoda.export/1", files }, null, 2));
    return;
  }
  if (output === undefined) {
    const isOnly = files.length === 1;
    for (const { name, text } of files) process.stdout.write(isOnly ? text : `# ${name}\n${text}---\n`);
    return;
  }
  if (!existsSync(output)) mkdirSync(output, { recursive: true });
  for (const { name, text } of files) {
    writeFileSync(join(output, name), text);
    console.log(join(output, name));
  }
}
