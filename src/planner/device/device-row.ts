/** @module What the table of devices says of one of them. */

export type DeviceVendor = "nvidia" | "amd" | "intel" | "ascend" | "cpu" | "apple";

export interface DeviceRow {
  readonly name: string;
  readonly vendor: DeviceVendor;
  readonly aliases: readonly string[];
  readonly nominalGib: number;
  /** Total as the driver reports it; null: nobody's log was at hand. */
  readonly measuredGib: number | null;
  readonly source: string;
  readonly computeCapability: number;
  readonly gigabytesPerSecond: number;
  readonly teraflops: number;
  readonly numMultiprocessors: number;
  readonly isUnified?: true;
}
