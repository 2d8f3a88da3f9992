/** @module The model and the card of a log among those that the planner knows, by any name or size that the log has for them. */
import type { Device } from "../device/device.ts";
import { deviceOfTotal, devicesNamed, nearestInSize } from "../device/find-device.ts";
import type { LogFacts } from "../log/log-facts.ts";
import { lookUpModel } from "../model/catalogue.ts";
import type { ModelFacts } from "../model/facts.ts";
import { parseModelConfig } from "../model/parse-config.ts";
import { parseQuantization } from "../model/parse-quantization.ts";

/** A path as the names it may hold: a hub id, a folder of the hub's cache, the last parts. */
function namesIn(path: string): string[] {
  const plain = path.replace(/\/+$/, "");
  const cached = /models--([\w.-]+?)--([\w.-]+)/.exec(plain);
  const parts = plain.split("/");
  return [
    plain,
    ...(cached === null ? [] : [`${cached[1]}/${cached[2]}`]),
    parts.slice(-2).join("/"),
    parts.at(-1) ?? plain,
  ];
}

const ggufName = /[-_.]((?:I?Q\d\w*|F16|BF16|F32))(?:-\d+-of-\d+)?\.gguf$/i;

/** A `.gguf` is the model that its tokenizer or its own name says, in the format that its name says. */
function ggufModel(names: readonly string[]): ModelFacts | null {
  const file = names.find((name) => /\.gguf$/i.test(name));
  if (file === undefined) return null;
  const type = ggufName.exec(file)?.[1]?.toUpperCase() ?? "Q8_0";
  const bases = [
    ...names.filter((name) => name !== file),
    file.replace(ggufName, "").replace(/\.gguf$/i, ""),
  ];
  for (const name of bases.flatMap(namesIn)) {
    const model = lookUpModel(name.replace(/-GGUF$/i, ""));
    if (model !== null)
      return {
        ...model,
        quantization: parseQuantization({ quant_method: "gguf", type }),
        assumed: [...model.assumed, `the shape of ${model.name} for ${file}`],
      };
  }
  return null;
}

/** The catalogue's model of a log; null where it names none that is known. */
export function modelOfLog({ modelNames, modelConfig }: LogFacts): ModelFacts | null {
  if (modelConfig !== null) return parseModelConfig(modelNames[0] ?? "the model of the log", modelConfig);
  const gguf = ggufModel(modelNames);
  if (gguf !== null) return gguf;
  for (const name of modelNames.flatMap(namesIn)) {
    const model = lookUpModel(name);
    if (model !== null) return model;
  }
  return null;
}

/** `NVIDIA GeForce RTX 3090 Off` and the like: words behind the name taken off, one by one. */
function devicesIn(text: string): readonly Device[] {
  const words = text.replaceAll("_", " ").split(/\s+/);
  for (let count = words.length; count > 0; count--) {
    const devices = devicesNamed(words.slice(0, count).join(" "));
    if (devices.length > 0) return devices;
  }
  return [];
}

/** The card of a log: by name, the size telling which where a name means two; else by its total alone. */
export function deviceOfLog(facts: LogFacts): Device | null {
  const total = facts.figures.total?.expectedBytes ?? null;
  for (const name of [facts.gpu, ...facts.cards.map((card) => card.name)]) {
    const devices = name === null ? [] : devicesIn(name);
    const size = total ?? facts.cards.find((card) => card.name === name)?.totalBytes ?? null;
    const [only, ...others] = devices;
    if (only !== undefined && others.length === 0) return only;
    if (size !== null && only !== undefined) return nearestInSize(devices, size);
  }
  return total === null ? null : deviceOfTotal(total);
}
