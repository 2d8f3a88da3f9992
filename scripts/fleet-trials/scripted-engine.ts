/**
 * @module An engine that answers as llama-server does and computes nothing: a program that a fleet file names, so that a
 * fleet of many instances can be measured without their work.
 */
import { createServer } from "node:http";

const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
const answers: Readonly<Record<string, unknown>> = {
  "/health": { status: "ok" },
  "/props": { total_slots: 4, default_generation_settings: { n_ctx: 2048 } },
  "/v1/models": { object: "list", data: [{ id: "scripted", object: "model" }] },
};

const server = createServer((request, answer) => {
  const known = answers[request.url ?? ""];
  answer.writeHead(known === undefined ? 404 : 200, { "content-type": "application/json" });
  answer.end(JSON.stringify(known ?? {}));
});
server.listen(port, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
