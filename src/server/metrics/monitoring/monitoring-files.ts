/** @module The files of deploy/monitoring, as they are written. */
import { alertRules } from "./alert-rules.ts";
import { grafanaDashboard } from "./grafana-dashboard.ts";

const header = `# Alerting rules for Pagoda, vLLM and LMDeploy servers. Made by scripts/build-monitoring.ts from the metric table.\n`;

/** @param toYaml writes a value as YAML */
export function monitoringFiles(toYaml: (value: unknown) => string): Readonly<Record<string, string>> {
  return {
    "grafana-dashboard.json": `${JSON.stringify(grafanaDashboard(), null, 2)}\n`,
    "alert-rules.yaml": `${header}${toYaml(alertRules())}`,
  };
}
