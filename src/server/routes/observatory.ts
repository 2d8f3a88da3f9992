/** @module What a running server says of itself: GET /admin/snapshot, events, history, traffic and the prefix cache's curve. */
import type { FastifyInstance } from "fastify";
import { FrameStream } from "../observatory/frame-stream.ts";
import type { Observatory } from "../observatory/observatory.ts";

const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
} as const;

export function addObservatoryRoutes(app: FastifyInstance, observatory: Observatory): void {
  const stream = new FrameStream({
    events: observatory.events,
    snapshot: (frameId) => observatory.snapshot(frameId),
  });
  app.addHook("preClose", async () => stream.close());
  app.get("/admin/snapshot", async () => observatory.snapshot(stream.frameId));
  app.get("/admin/history", async (request) => observatory.historyOf(request.query));
  app.get("/admin/traffic", async () => observatory.traffic());
  app.get("/admin/prefix-cache/curve", async () => observatory.prefixCurves());
  app.get("/admin/events", async (request, reply) => {
    const { raw } = reply;
    const lastFrameId = request.headers["last-event-id"];
    await stream.tick();
    reply.hijack();
    raw.writeHead(200, { ...streamHeaders, "x-request-id": request.id });
    const sink = {
      write: (frames: string): void => void (raw.destroyed || raw.write(frames)),
      end: (): void => void raw.end(),
      get numUnreadBytes(): number {
        return raw.writableLength;
      },
    };
    const leave = stream.listen(sink, typeof lastFrameId === "string" ? lastFrameId : null);
    if (raw.destroyed) leave();
    else raw.once("close", leave);
  });
}
