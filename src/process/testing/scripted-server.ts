/** @module A server of one token per chunk, for tests of what measures servers. */

/** Metrics that a load's figures are made of; their values mean nothing. */
const metrics = [
  "pagoda:step_outside_kernels_ms_count 1",
  "pagoda:step_outside_kernels_ms_sum 1",
  "vllm:num_requests_running 1",
  "pagoda:kv_wasted_tokens 1",
].join("\n");

/** What its kernels' self-test is said to have taken. */
export const selfTestMs = 60;

/**
 * Source of a server for `node -e`, which listens on the port that its last argument, or the one after `--port`, names.
 * @param model what `/v1/models` lists
 * @param refuses expression over `body`, the request; where it is true the answer is an error. It may also end the process
 */
export function scriptedServer(model: string, refuses: string): string {
  return `
    const argument = process.argv.indexOf("--port");
    const port = Number(argument < 0 ? process.argv.at(-1) : process.argv[argument + 1]);
    const fixed = {
      "/health": "",
      "/v1/models": ${JSON.stringify(JSON.stringify({ data: [{ id: model }] }))},
      "/admin/memory": JSON.stringify({ selfTestMs: ${selfTestMs} }),
      "/metrics": ${JSON.stringify(metrics)},
    };
    let numRequests = 0;
    require("node:http").createServer((request, response) => {
      if (request.url in fixed) return response.end(fixed[request.url]);
      let text = "";
      request.on("data", (piece) => (text += piece));
      request.on("end", () => {
        const body = JSON.parse(text);
        numRequests += 1;
        if (${refuses}) return response.writeHead(500).end("refused");
        const event = (value) => response.write("data: " + JSON.stringify(value) + "\\n\\n");
        for (let i = 0; i < body.max_tokens; i++) event({ choices: [{ text: "a" }] });
        const prompt_tokens_details = { cached_tokens: 0 };
        event({ choices: [], usage: { completion_tokens: body.max_tokens, prompt_tokens_details } });
        response.end("data: [DONE]\\n\\n");
      });
    }).listen(port, "127.0.0.1");`;
}
