/** @module The device of a plan: a name of the catalogue, a stated size, or what nvidia-smi sees on this machine. */
import { execFileSync } from "node:child_process";
import { parseByteSize } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { type Device, findDevice, lookUpDevice, withTotal } from "../../planner/index.ts";

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

/**
 * Finds the device.
 * @throws PagodaError `plan_invalid` where none is named and none is here.
 */
export function planDevice(options: DeviceOptions): {
  readonly device: Device;
  readonly note: string | null;
} {
  const base = options.gpu === undefined ? null : findDevice(options.gpu);
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
  const known = lookUpDevice(here.name);
  if (known !== null) return { device: known, note: `the GPU of this machine: ${here.name}` };
  const generic: Device = { ...findDevice("RTX 4090"), name: here.name, nominalBytes: here.totalBytes };
  return {
    device: withTotal(generic, here.totalBytes, "nominal"),
    note: `the GPU of this machine: ${here.name}`,
  };
}
