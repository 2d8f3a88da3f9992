/**
 * @module The page at `/`: the dashboard, which is a program for the browser, and for browsers without JavaScript the same
 * facts as text: models, memory and example requests. It loads nothing from elsewhere.
 */
import { createHash } from "node:crypto";
import { formatBytes } from "../../core/byte-size.ts";
import type { MemoryReport } from "../../core/memory-report.ts";
import { describeSampling } from "../../core/sampling-params.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import { exampleRequests } from "./example-requests.ts";
import { Html, html } from "./html.ts";

export interface FrontPageParts {
  /** null: the visitor has shown no key, and sees nothing of the server. */
  readonly entries: readonly ServedModelEntry[] | null;
  readonly version: string;
  /** `http://host:port` as the visitor wrote it. */
  readonly origin: string;
  /** What the dashboard loads first; null where it was not built: then the facts are the page. */
  readonly program: { readonly script: string; readonly styles: readonly string[] } | null;
}

/** A page of a model that still loads asks again after this time. */
const refreshSeconds = 2;

const factsStyle = `
:root { color-scheme: light dark; --line: light-dark(#d8d8de, #3a3a44); --soft: light-dark(#f5f5f8, #1d1d23); --quiet: light-dark(#62626c, #a0a0ac); }
.facts { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; color: light-dark(#1a1a20, #e8e8ee); } html { background: light-dark(#fff, #131317); }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } p { margin: .4rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); } th { font-weight: 600; color: var(--quiet); }
td.number, th.number { text-align: right; } td.number { white-space: nowrap; } code { overflow-wrap: anywhere; }
.scroll, pre { overflow-x: auto; } pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8rem; font: 13px/1.45 ui-monospace, monospace; }
.quiet { color: var(--quiet); } nav { display: flex; flex-wrap: wrap; column-gap: 1rem; } a { color: light-dark(#1550b8, #8db4ff); } code { font: .9em ui-monospace, monospace; }
`;

/** The style in the page is allowed by its hash; all else comes from files of this server. */
export const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'self' 'sha256-${createHash("sha256").update(factsStyle).digest("base64")}'`,
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function frontPage(parts: FrontPageParts): string {
  return parts.program === null ? factsPage(parts) : programPage(parts, parts.program);
}

/** The program fills `#page`; a browser that runs no scripts shows what is inside. */
function programPage(
  parts: FrontPageParts,
  { script, styles }: NonNullable<FrontPageParts["program"]>,
): string {
  return html`<!doctype html>
<html lang="en">
<head>
${head}
<link rel="icon" href="data:,">
${styles.map((name) => html`<link rel="stylesheet" href="dashboard/${name}">`)}
<script type="module" src="dashboard/${script}"></script>
<noscript>${refreshOf(parts)}${factsStyleElement}</noscript>
</head>
<body>
<div id="page"><noscript><div class="facts">
<p class="quiet">JavaScript is off: this is the page without its charts, sliders and chat.</p>
${facts(parts)}</div></noscript></div>
</body>
</html>
`.text;
}

function factsPage(parts: FrontPageParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
${head}
${refreshOf(parts)}
${factsStyleElement}
</head>
<body class="facts">
<p class="quiet">The dashboard is not built: <code>npm run build</code> makes it.</p>
${facts(parts)}
</body>
</html>
`.text;
}

const head = html`<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pagoda</title>`;

/** Made of no value: its text must stay the one that was hashed. */
const factsStyleElement = new Html(`<style>${factsStyle}</style>`);

function refreshOf({ entries }: FrontPageParts): Html {
  const isLoading = entries?.some((entry) => entry.state === "loading");
  return isLoading ? html`<meta http-equiv="refresh" content="${refreshSeconds}">` : html``;
}

function facts({ entries, version, origin }: FrontPageParts): Html {
  if (entries === null) return keyNeeded;
  const ready = entries.find((entry) => entry.state === "ready");
  return html`<h1>Pagoda</h1>
<p class="quiet">Version ${version}. The API is at <code>${origin}/v1</code>.</p>
<nav><a href="/v1">/v1</a><a href="/v1/models">/v1/models</a><a href="/health">/health</a><a href="/metrics">/metrics</a><a href="/docs">docs</a></nav>
<h2>Models</h2>
${modelTable(entries)}
${entries.map((entry) => memorySection(entry))}
<h2>A first request</h2>
${ready === undefined ? html`<p>No model is ready yet: a request is answered with status 503.</p>` : html``}
${exampleRequests(`${origin}/v1`, (ready ?? entries[0])?.name ?? "model").map(
  ({ language, code }) => html`<p><strong>${language}</strong></p><pre>${code}</pre>`,
)}`;
}

const keyNeeded = html`<h1>Pagoda</h1>
<p>This server shows its facts to a request that carries one of its keys: <code>Authorization: Bearer KEY</code>.</p>`;

function modelTable(entries: readonly ServedModelEntry[]): Html {
  if (entries.length === 0) return html`<p>No model yet.</p>`;
  return html`<div class="scroll"><table>
<tr><th>name</th><th>state</th><th class="number">longest sequence</th><th>sampling</th></tr>
${entries.map(
  (entry) => html`<tr><td>${entry.listing.names.join(", ")}</td><td>${entry.state}</td><td class="number">${
    entry.model?.maxModelLen ?? "–"
  }</td><td>${samplingOf(entry)}</td></tr>
`,
)}</table></div>`;
}

function samplingOf({ model }: ServedModelEntry): string {
  if (model === null || !("defaultSampling" in model)) return "–";
  return `${describeSampling(model.defaultSampling)} (${model.samplingOrigin})`;
}

function memorySection(entry: ServedModelEntry): Html {
  if (entry.service === null) return html``;
  const memory = entry.service.memory();
  const { blocks, budget } = memory;
  const total = (key: "plannedBytes" | "actualBytes"): string =>
    formatBytes(memory.components.reduce((sum, component) => sum + component[key], 0));
  return html`<h2>Memory of ${entry.name}</h2>
<div class="scroll"><table>
<tr><th>component</th><th class="number">planned</th><th class="number">actual</th><th>evidence</th></tr>
${memory.components.map(
  ({ name, plannedBytes, actualBytes, evidence }) =>
    html`<tr><td>${componentNames[name]}</td><td class="number">${formatBytes(plannedBytes)}</td><td class="number">${formatBytes(actualBytes)}</td><td>${evidence}</td></tr>
`,
)}<tr><th>total</th><th class="number">${total("plannedBytes")}</th><th class="number">${total("actualBytes")}</th><th></th></tr>
</table></div>
<p class="quiet">${budget.capBytes === null ? "No cap." : `The cap is ${formatBytes(budget.capBytes)} (${budget.cap.why}).`}
The KV pool has ${blocks.numTotal} blocks of ${blocks.blockSize} tokens: ${blocks.numReferenced} in use, ${blocks.numCached} cached, ${blocks.numFree} free.
It holds ${memory.numKvTokens} tokens, ${memory.maxConcurrency.toFixed(2)} of the longest sequences.</p>`;
}

const componentNames: Readonly<Record<MemoryReport["components"][number]["name"], string>> = {
  runtime: "runtime",
  weights: "weights",
  workspace: "workspace",
  kvPool: "KV pool",
  tables: "tables",
};
