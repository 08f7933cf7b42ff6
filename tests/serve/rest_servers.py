"""A REST server of this process, in a thread of its own, on a real socket."""

import asyncio
import contextlib
import threading

from tftrain.serve import Core, rest
from tftrain.serve.metrics import PrometheusMetrics


class RunningServer:
    """A server that answers, and a way to make its event loop do something."""

    def __init__(self, core, server, loop):
        self.core, self.server, self._loop = core, server, loop
        self.address = ("127.0.0.1", server.port)
        self.url = f"http://127.0.0.1:{server.port}"

    def do(self, work):
        """Runs a coroutine in the server's loop, and gives its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@contextlib.contextmanager
def running(bases, cors=False, **settings):
    """Serves base folders by model name, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start():
        metrics = PrometheusMetrics(bases)
        settings.setdefault("tell", lambda line: None)
        core = Core(bases, metrics=metrics, poll_seconds=0.02, **settings)
        await core.start()
        return RunningServer(core, await rest.start(core, "127.0.0.1", 0, cors=cors), loop)

    server = None
    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        yield server
    finally:
        if server:
            server.do(server.server.close())
            server.do(server.core.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
