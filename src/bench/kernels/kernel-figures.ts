/** @module Figures of single kernels, with the goals of machine code's product: an absolute one and one relative to WebAssembly. */
import { type KernelChoice, measureKernels, measureProducts } from "../../backend/create/index.ts";
import { absoluteFigure, type Figure, ratioFigure } from "../figures/figure.ts";

const goalTokenCounts = [4, 8, 64];

/** Single kernels, one thread, in this process. */
export async function kernelFigures(kernels: KernelChoice): Promise<Figure[]> {
  const figures = (await measureKernels(kernels)).map(({ kernel, shape, value, unit }) =>
    absoluteFigure(`${kernel}, ${shape}`, value, unit, null),
  );
  return kernels === "wasm" ? figures : [...figures, ...(await productGoalFigures(kernels))];
}

/** The product that machine code has goals for: its rate, and its ratio to WebAssembly's rate of the same moment. */
export async function productGoalFigures(kernels: Exclude<KernelChoice, "wasm">): Promise<Figure[]> {
  const rates = await measureProducts(kernels, goalTokenCounts);
  return rates.flatMap(({ shape, rate, wasmRate }) => {
    const name = `matmulQ4, ${shape}, in turns with wasm`;
    return [
      absoluteFigure(name, rate, "GMAC/s", { kind: "atLeast", value: 75 }),
      ratioFigure(name, rate, "GMAC/s", "wasm", wasmRate, { kind: "atLeast", value: 2.7 }),
    ];
  });
}
