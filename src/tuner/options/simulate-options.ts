/** @module The options of a simulation: what varies, for how long, and on which machine. */
import { PagodaError } from "../../core/errors.ts";
import { onOrOff, option, wholeNumber } from "../../core/options/option.ts";
import { positiveNumber } from "./load-options.ts";

const simulation = "Simulation:";
const machine = "A machine that is not at hand (estimates; both are needed):";

const decimalUnits: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };

/** `50GB/s`, `2TFLOPS`, `1.5e12`: decimal units. */
function rate(unit: RegExp, example: string): (text: string) => number {
  return (text) => {
    const match = /^\s*(\d*\.?\d+(?:e\d+)?)\s*([kmgtp]?)(.*?)\s*$/i.exec(text);
    const factor = decimalUnits[match?.[2]?.toLowerCase() ?? "?"];
    const value = match === null || factor === undefined ? Number.NaN : Number(match[1]) * factor;
    if (value > 0 && unit.test(match?.[3] ?? "")) return value;
    throw new PagodaError("invalid_option", `'${text}' is not a rate.`, {
      hint: `Write it as ${example}.`,
    });
  };
}

/** As typed: its words are options of our engine or of another one. */
export const varyOption = option(["--vary"], {
  argument: "options...",
  parse: (text: string) => text,
  help: "options to try values of, in place of the ones that change live: max-num-seqs=8,16,32 kv-cache-dtype",
  group: simulation,
});

export const trialSecondsOption = option(["--trial-seconds"], {
  argument: "n",
  parse: positiveNumber,
  help: "length of a load under the present setting (default 15; --requests wins)",
  group: simulation,
});

export const simulateOptions = {
  vary: varyOption,
  trialSeconds: trialSecondsOption,
  top: option(["--top"], {
    argument: "n",
    parse: wholeNumber(1, 20_000),
    help: "settings to print (default 12)",
    group: simulation,
  }),
  bandwidth: option(["--bandwidth"], {
    argument: "rate",
    parse: rate(/^(?:b\/s|b|)$/i, "50GB/s"),
    help: "bytes that it reads from memory in a second: 50GB/s",
    group: machine,
  }),
  flops: option(["--flops"], {
    argument: "rate",
    parse: rate(/^(?:flops?|flop\/s|)$/i, "2TFLOPS"),
    help: "multiplications and additions in a second: 2TFLOPS",
    group: machine,
  }),
  stepOverhead: option(["--step-overhead"], {
    argument: "ms",
    parse: positiveNumber,
    help: "milliseconds that every step takes besides (default 1)",
    group: machine,
  }),
  json: option(["--json"], {
    argument: null,
    parse: onOrOff,
    help: "print the result as JSON",
    group: simulation,
  }),
} as const;
