/**
 * @module The device table. Bandwidth, 16-bit dense TFLOPS, multiprocessors and compute capability are the vendors' data
 * sheets; totals that the driver reports are from start-up logs (vllm-memory.md §4.3 and public logs).
 */
import type { DeviceRow, DeviceVendor } from "./device-row.ts";

type Columns = readonly [
  name: string,
  nominalGib: number,
  measuredGib: number | null,
  computeCapability: number,
  gigabytesPerSecond: number,
  teraflops: number,
  numMultiprocessors: number,
  ...aliases: string[],
];

const nvidia: readonly Columns[] = [
  ["NVIDIA Tesla T4", 16, 14.56, 7.5, 320, 65, 40, "T4"],
  ["NVIDIA Tesla V100-SXM2-16GB", 16, 15.77, 7, 900, 125, 80, "V100", "V100-16GB"],
  ["NVIDIA Tesla V100-SXM2-32GB", 32, 31.74, 7, 900, 125, 80, "V100-32GB", "V100 32GB"],
  ["NVIDIA Tesla P100-PCIE-16GB", 16, 15.89, 6, 732, 19, 56, "P100"],
  ["NVIDIA L4", 24, 22.07, 8.9, 300, 121, 58, "L4"],
  ["NVIDIA A10", 24, 22.06, 8.6, 600, 125, 72, "A10"],
  ["NVIDIA A10G", 24, 22.06, 8.6, 600, 70, 80, "A10G"],
  ["NVIDIA A2", 16, null, 8.6, 200, 18, 10, "A2"],
  ["NVIDIA A16", 16, null, 8.6, 200, 18, 10, "A16"],
  ["NVIDIA A30", 24, 23.6, 8, 933, 165, 56, "A30"],
  ["NVIDIA A40", 48, 44.34, 8.6, 696, 150, 84, "A40"],
  ["NVIDIA RTX A4000", 16, null, 8.6, 448, 76, 48, "A4000", "RTX A4000"],
  ["NVIDIA RTX A5000", 24, 23.57, 8.6, 768, 111, 64, "A5000", "RTX A5000"],
  ["NVIDIA RTX A6000", 48, 47.4, 8.6, 768, 155, 84, "A6000", "RTX A6000"],
  ["NVIDIA RTX 6000 Ada Generation", 48, 47.37, 8.9, 960, 364, 142, "RTX 6000 Ada", "6000 Ada"],
  ["NVIDIA L40", 48, 44.39, 8.9, 864, 181, 142, "L40"],
  ["NVIDIA L40S", 48, 44.39, 8.9, 864, 362, 142, "L40S"],
  [
    "NVIDIA A100-SXM4-40GB",
    40,
    39.49,
    8,
    1555,
    312,
    108,
    "A100-40",
    "A100-40GB",
    "A100 40GB",
    "A100-PCIE-40GB",
  ],
  [
    "NVIDIA A100-SXM4-80GB",
    80,
    79.15,
    8,
    2039,
    312,
    108,
    "A100",
    "A100-80",
    "A100-80GB",
    "A100 80GB",
    "A100 80GB PCIe",
  ],
  ["NVIDIA A800-SXM4-80GB", 80, 79.32, 8, 2039, 312, 108, "A800"],
  [
    "NVIDIA H100 80GB HBM3",
    80,
    79.19,
    9,
    3350,
    989,
    132,
    "H100",
    "H100-80",
    "H100-80GB",
    "H100 80GB",
    "H100 SXM",
  ],
  ["NVIDIA H100 PCIe", 80, 79.11, 9, 2039, 756, 114, "H100-PCIe"],
  ["NVIDIA H100 NVL", 94, 93.1, 9, 3938, 835, 132, "H100-NVL"],
  ["NVIDIA H800", 80, 79.19, 9, 3350, 989, 132, "H800"],
  ["NVIDIA H20", 96, 95.1, 9, 4000, 148, 78, "H20"],
  ["NVIDIA H20-3e", 141, 139.72, 9, 4800, 148, 78, "H20-3e", "H20-141GB"],
  ["NVIDIA H200", 141, 139.72, 9, 4800, 989, 132, "H200", "H200-141GB"],
  ["NVIDIA GH200 480GB", 96, 94.5, 9, 4000, 989, 132, "GH200"],
  ["NVIDIA B200", 192, 178.36, 10, 8000, 2250, 148, "B200"],
  ["NVIDIA B300", 288, 267.6, 10.3, 8000, 2250, 148, "B300"],
  ["NVIDIA GeForce GTX 1080 Ti", 11, null, 6.1, 484, 11, 28, "1080 Ti", "GTX 1080 Ti"],
  ["NVIDIA GeForce RTX 2060 12GB", 12, 11.63, 7.5, 336, 52, 34, "RTX 2060 12GB", "2060"],
  ["NVIDIA GeForce RTX 2080 Ti", 11, 10.75, 7.5, 616, 108, 68, "2080 Ti", "RTX 2080 Ti"],
  ["NVIDIA GeForce RTX 3050 6GB", 6, null, 8.6, 168, 14, 18, "RTX 3050", "3050"],
  ["NVIDIA GeForce RTX 3060", 12, 11.63, 8.6, 360, 51, 28, "3060", "RTX 3060"],
  ["NVIDIA GeForce RTX 3070", 8, 7.66, 8.6, 448, 81, 46, "3070", "RTX 3070"],
  ["NVIDIA GeForce RTX 3080", 10, 9.67, 8.6, 760, 119, 68, "3080", "RTX 3080"],
  ["NVIDIA GeForce RTX 3090", 24, 23.56, 8.6, 936, 71, 82, "3090", "RTX 3090"],
  ["NVIDIA GeForce RTX 3090 Ti", 24, 23.56, 8.6, 1008, 80, 84, "3090 Ti", "RTX 3090 Ti"],
  ["NVIDIA GeForce RTX 4060", 8, 7.63, 8.9, 272, 60, 24, "4060", "RTX 4060"],
  ["NVIDIA GeForce RTX 4060 Ti 16GB", 16, 15.57, 8.9, 288, 88, 34, "4060 Ti", "RTX 4060 Ti"],
  ["NVIDIA GeForce RTX 4070", 12, 11.6, 8.9, 504, 117, 46, "4070", "RTX 4070"],
  ["NVIDIA GeForce RTX 4070 Laptop GPU", 8, 7.65, 8.9, 256, 80, 36, "RTX 4070 Laptop"],
  ["NVIDIA GeForce RTX 4070 Ti SUPER", 16, 15.58, 8.9, 672, 176, 66, "4070 Ti SUPER", "RTX 4070 Ti SUPER"],
  ["NVIDIA GeForce RTX 4080", 16, 15.57, 8.9, 717, 195, 76, "4080", "RTX 4080"],
  ["NVIDIA GeForce RTX 4080 SUPER", 16, 15.57, 8.9, 736, 209, 80, "4080 SUPER", "RTX 4080 SUPER"],
  ["NVIDIA GeForce RTX 4090", 24, 23.55, 8.9, 1008, 165, 128, "4090", "RTX 4090"],
  ["NVIDIA GeForce RTX 4090 D", 24, 23.55, 8.9, 1008, 147, 114, "4090D", "RTX 4090D", "RTX 4090 D"],
  ["NVIDIA GeForce RTX 4090 48GB", 48, 47.37, 8.9, 1008, 165, 128, "RTX 4090 48GB"],
  ["NVIDIA GeForce RTX 5060 Ti 16GB", 16, 15.48, 12, 448, 95, 36, "5060 Ti", "RTX 5060 Ti"],
  ["NVIDIA GeForce RTX 5070 Ti", 16, 15.47, 12, 896, 176, 70, "5070 Ti", "RTX 5070 Ti"],
  ["NVIDIA GeForce RTX 5080", 16, 15.47, 12, 960, 225, 84, "5080", "RTX 5080"],
  ["NVIDIA GeForce RTX 5090", 32, 31.36, 12, 1792, 210, 170, "5090", "RTX 5090"],
  ["NVIDIA RTX PRO 6000 Blackwell", 96, 94.97, 12, 1792, 504, 188, "RTX PRO 6000", "PRO 6000"],
];
const others: readonly (readonly [DeviceVendor, Columns])[] = [
  ["amd", ["AMD Instinct MI250X", 64, 63.98, 9, 1638, 191, 110, "MI250X", "MI250"]],
  ["amd", ["AMD Instinct MI300X", 192, 191.98, 9.4, 5300, 1307, 304, "MI300X"]],
  ["amd", ["AMD Instinct MI325X", 256, 255.98, 9.4, 6000, 1307, 304, "MI325X"]],
  ["amd", ["AMD Instinct MI355X", 288, 287.98, 9.5, 8000, 2516, 256, "MI355X"]],
  ["amd", ["AMD Radeon RX 7900 XTX", 24, 23.98, 11, 960, 123, 96, "7900 XTX", "RX 7900 XTX"]],
  ["intel", ["Intel Arc Pro B60", 24, 23.91, 0, 456, 98, 20, "B60", "Arc Pro B60"]],
  ["ascend", ["Ascend 910B", 64, 61.28, 0, 1600, 320, 24, "910B"]],
  ["ascend", ["Ascend 310P", 48, 42.67, 0, 204, 140, 8, "310P"]],
];
const unified: readonly (readonly [DeviceVendor, Columns])[] = [
  ["nvidia", ["NVIDIA GB10", 128, 119.61, 12.1, 273, 125, 48, "GB10", "DGX Spark"]],
  ["nvidia", ["NVIDIA Jetson AGX Orin 64GB", 64, 61.37, 8.7, 204, 42, 16, "AGX Orin", "Orin"]],
];

function row(vendor: DeviceVendor, columns: Columns, isUnified: boolean): DeviceRow {
  const [
    name,
    nominalGib,
    measuredGib,
    computeCapability,
    gigabytesPerSecond,
    teraflops,
    numMultiprocessors,
    ...aliases
  ] = columns;
  return {
    name,
    vendor,
    aliases,
    nominalGib,
    measuredGib,
    source: "start-up logs",
    computeCapability,
    gigabytesPerSecond,
    teraflops,
    numMultiprocessors,
    ...(isUnified ? { isUnified: true as const } : {}),
  };
}

/** Any processor: nothing but its class matters until memory is stated. */
const cpu: Columns = ["CPU", 64, null, 0, 50, 1, 0];

export const deviceRows: readonly DeviceRow[] = [
  row("cpu", cpu, true),
  ...nvidia.map((columns) => row("nvidia", columns, false)),
  ...others.map(([vendor, columns]) => row(vendor, columns, false)),
  ...unified.map(([vendor, columns]) => row(vendor, columns, true)),
];
