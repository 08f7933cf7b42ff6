"""What is written in ten minutes: Keras's `predict` behind aiohttp, in the manner of its examples.

    python keras_server.py MODEL.keras [MODEL.keras ...]

Prints its port. A thread of its own predicts, so that the loop goes on reading meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from aiohttp import web

from tftrain.keras_api import keras

MODELS = {Path(path).stem: keras.saving.load_model(path, compile=False) for path in sys.argv[1:]}
THREAD = ThreadPoolExecutor(1)


async def predict(request: web.Request) -> web.Response:
    model = MODELS[request.match_info["name"]]
    instances = np.asarray((await request.json())["instances"], np.float32)
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(THREAD, lambda: model.predict(instances, verbose=0))
    return web.json_response({"predictions": found.tolist()})


async def serve() -> None:
    application = web.Application(client_max_size=2**26)
    application.router.add_post("/v1/models/{name}:predict", predict)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(serve())
