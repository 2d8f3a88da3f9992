/** @module Writes deploy/monitoring: the dashboard for Grafana and the alerting rules for Prometheus. */
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { stringify } from "yaml";
import { monitoringFiles } from "../src/server/metrics/monitoring/monitoring-files.ts";

const folder = resolve(import.meta.dirname, "../deploy/monitoring");
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(monitoringFiles((value) => stringify(value, { lineWidth: 0 }))))
  writeFileSync(resolve(folder, name), text);
