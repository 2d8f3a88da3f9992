/** @module The device of a plan: a name of the catalogue, a stated size, or this machine: its GPU, or its processors. */
import { execFileSync } from "node:child_process";
import { grantedProcessors } from "../../backend/create/index.ts";
import { parseByteSize } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { readDeviceMemory } from "../../instance/index.ts";
import { cpuDevice, type Device, deviceOfSize, findDevice, rulesOf, withTotal } from "../../planner/index.ts";

export interface DeviceOptions {
  readonly gpu?: string;
  readonly gpuMemory?: string;
}

/** Name and total MiB of the first GPU here; null where there is no nvidia-smi. */
function gpuHere(): { readonly name: string; readonly totalBytes: number } | null {
  try {
    const text = execFileSync(
      "nvidia-smi",
      ["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
      {
        encoding: "utf8",
        timeout: 5000,
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    const [name = "", mebibytes = ""] = (text.split("\n")[0] ?? "").split(",");
    return name === "" ? null : { name: name.trim(), totalBytes: Number(mebibytes) * 2 ** 20 };
  } catch {
    return null;
  }
}

/** Sizes on boxes are whole multiples of 1 GiB or GB; anything else was read off a driver. */
function meaningOf(bytes: number): "nominal" | "visible" {
  const sizes = [4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 94, 96, 128, 141, 180, 192, 256, 288];
  return sizes.some((size) => bytes === size * 2 ** 30 || bytes === size * 1e9) ? "nominal" : "visible";
}

export interface Place {
  readonly device: Device;
  /** Bytes that others hold there now. */
  readonly usedBytes: number;
  readonly note: string | null;
}

/** Where the engine would run. @throws PagodaError `plan_invalid` where no device is named and none is here. */
export function planPlace(options: DeviceOptions, engine: string): Place {
  const { runsOn } = rulesOf(engine);
  const isHere = runsOn === "either" && options.gpuMemory === undefined && gpuHere() !== null;
  const isCard = runsOn === "cards" || options.gpu !== undefined || isHere;
  return isCard ? { ...planDevice(options), usedBytes: 0 } : machine(options);
}

/** A machine of a stated size, with as many processors as this one; else this machine, as it is now. */
function machine({ gpuMemory }: DeviceOptions): Place {
  const numProcessors = grantedProcessors();
  if (gpuMemory !== undefined) {
    const totalBytes = parseByteSize(gpuMemory);
    const name = `a machine with ${gpuMemory} of memory`;
    return { device: cpuDevice({ name, totalBytes, numProcessors }), usedBytes: 0, note: null };
  }
  const { totalBytes, availableBytes } = readDeviceMemory();
  const device = cpuDevice({ name: "this machine", totalBytes, numProcessors });
  return { device, usedBytes: totalBytes - availableBytes, note: null };
}

/**
 * Finds the device.
 * @throws PagodaError `plan_invalid` where none is named and none is here.
 */
export function planDevice(options: DeviceOptions): {
  readonly device: Device;
  readonly note: string | null;
} {
  const { gpu, gpuMemory } = options;
  const sized =
    gpu === undefined || gpuMemory === undefined ? null : deviceOfSize(gpu, parseByteSize(gpuMemory));
  const base = gpu === undefined ? null : (sized ?? findDevice(gpu));
  if (options.gpuMemory !== undefined) {
    const bytes = parseByteSize(options.gpuMemory);
    const meaning = meaningOf(bytes);
    const generic: Device = base ?? { ...findDevice("RTX 4090"), name: `GPU of ${options.gpuMemory}` };
    return {
      device: withTotal({ ...generic, nominalBytes: bytes }, bytes, meaning),
      note: `--gpu-memory was taken as the ${meaning} size`,
    };
  }
  if (base !== null) return { device: base, note: null };
  const here = gpuHere();
  if (here === null)
    throw new PagodaError(
      "plan_invalid",
      "The card is not stated, and this machine has no GPU that nvidia-smi sees.",
      {
        param: "gpu",
        hint: 'Name one: --gpu "RTX 4090", or a size: --gpu-memory 24GiB.',
      },
    );
  const known = deviceOfSize(here.name, here.totalBytes);
  if (known !== null) return { device: known, note: `the GPU of this machine: ${here.name}` };
  const generic: Device = { ...findDevice("RTX 4090"), name: here.name, nominalBytes: here.totalBytes };
  return {
    device: withTotal(generic, here.totalBytes, "nominal"),
    note: `the GPU of this machine: ${here.name}`,
  };
}
