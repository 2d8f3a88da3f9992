"""LMDeploy's real command line, HTTP server and metrics over an engine that needs no card.

    DEST/lmdeploy/bin/python scripts/e2e-engines/lmdeploy_without_a_card.py serve api_server MODEL --backend pytorch ...
    DEST/lmdeploy/bin/python scripts/e2e-engines/lmdeploy_without_a_card.py serve proxy ...

Real: argument parsing, `serve()`, `AsyncEngine` with its sessions, tokenizer and chat template, the routes, the health
monitor, the metrics and their ten-second loop, the registration with a proxy, and the proxy itself.
Ours: the engine below `AsyncEngine`. It repeats the prompt's tokens, one every STEP_SECONDS. Beside it a child process holds
memory, as the PyTorch engine's `ZMQMPEngine` does, and outlives the server if that is killed.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time

os.environ.setdefault("TRITON_INTERPRET", "1")
from lmdeploy.messages import (  # noqa: E402
    EngineEvent,
    EngineOutput,
    EventType,
    RequestMetrics,
    ResponseType,
    ScheduleMetrics,
)
from lmdeploy.pytorch.config import CacheConfig  # noqa: E402
from lmdeploy.serve.core.async_engine import AsyncEngine  # noqa: E402
from lmdeploy.utils import get_logger  # noqa: E402

STEP_SECONDS = 0.02
CHILD_MIB = 64
NUM_BLOCKS = 512
CHILD = "import sys, time\nheld = bytearray({mib} << 20)\nheld[::4096] = b'1' * len(held[::4096])\nwhile True: time.sleep(3600)"

logger = get_logger("lmdeploy")


class Handle:
    """What a request holds while it runs."""

    def __init__(self, engine):
        self.engine = engine
        self.cancelled = set()

    async def async_cancel(self, session_id):
        self.cancelled.add(session_id)

    async def async_end(self, session_id):
        self.cancelled.discard(session_id)

    async def async_stream_infer(self, session_id, input_ids=None, gen_config=None, **_):
        engine, wanted = self.engine, gen_config.max_new_tokens
        engine.active += 1
        events = [EngineEvent.new_event(EventType.QUEUED), EngineEvent.new_event(EventType.SCHEDULED)]
        try:
            for index in range(wanted):
                await asyncio.sleep(STEP_SECONDS)
                if engine.child.poll() is not None:
                    yield EngineOutput(ResponseType.ENGINE_STOP_ERROR, [])
                    return
                if session_id in self.cancelled:
                    self.cancelled.discard(session_id)
                    yield EngineOutput(ResponseType.CANCEL, [])
                    return
                engine.tick += 1
                metrics = RequestMetrics(token_timestamp=time.time(), engine_events=events if index == 0 else [])
                status = ResponseType.FINISH if index == wanted - 1 else ResponseType.SUCCESS
                yield EngineOutput(status, [input_ids[index % len(input_ids)]], req_metrics=metrics)
        finally:
            engine.active -= 1


class Engine:
    """The part that LMDeploy leaves to a card."""

    def __init__(self, backend_config):
        self.engine_config = backend_config
        self.active = 0
        self.tick = 0
        code = CHILD.format(mib=CHILD_MIB)
        self.child = subprocess.Popen([sys.executable, "-c", code, "lmdeploy-engine"])
        block_size = getattr(backend_config, "block_size", None) or backend_config.cache_block_seq_len
        config = CacheConfig(
            max_batches=backend_config.max_batch_size, block_size=block_size, num_cpu_blocks=0, num_gpu_blocks=NUM_BLOCKS
        )
        logger.info("Building CacheEngine with config: \n%s.", config)

    def create_instance(self):
        return Handle(self)

    def start_loop(self):
        return True

    def get_schedule_metrics(self):
        usage = self.active / max(1, self.engine_config.max_batch_size)
        return ScheduleMetrics(active_seqs=self.active, cache_usage=usage, scheduler_tick=self.tick)

    async def get_health_status(self):
        alive = self.child.poll() is None
        message = "" if alive else "The engine process has ended."
        return {"alive": alive, "message": message, "schedule_metrics": self.get_schedule_metrics()}

    async def sleep(self, level=1):
        logger.info("sleep level %s", level)

    def wakeup(self, tags=None):
        logger.info("wake up %s", tags)

    def end_session(self, session_id):
        return True

    def close(self):
        self.child.terminate()
        self.child.wait()


def build(self, model_path, backend_config=None, **_):
    return Engine(backend_config)


AsyncEngine._build_pytorch = build
AsyncEngine._build_turbomind = build

if __name__ == "__main__":
    from lmdeploy.cli.entrypoint import run

    logging.captureWarnings(True)
    sys.argv[0] = "lmdeploy"
    run()
