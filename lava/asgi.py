"""The two lanes: the hot routes go to a door of their own, everything else to Django.

Both doors lead to the same functions; with a rate limit on usage reporting the hot routes go
through Django too, which counts.
"""

import gc
import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lava.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from django.conf import settings

from apps.core import process_cache
from apps.requests.lane import Lane, Receive, Scope, Send, answer_batches, answer_together

lanes = {
    "/v1/requests": Lane(answer_together),
    "/v1/requests/batch": Lane(answer_batches, most=1),
}
if settings.USAGE_RATE_LIMIT_PER_MINUTE:
    lanes = {}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Route one connection."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in lanes:
        await lanes[scope["path"]](scope, receive, send)
    else:
        await django_application(cast(Any, scope), receive, cast(Any, send))


def _spare_the_collector() -> None:
    """What was loaded until now stays, and a batch makes thousands of objects that are gone with it: measured, the
    garbage collector took a quarter of a charge's time to find out.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _live(receive: Receive, send: Send) -> None:
    """Start what runs beside the requests, and stop it when the server does."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            process_cache.listen()
            for lane in lanes.values():
                lane.start()
            _spare_the_collector()
            await send({"type": "lifespan.startup.complete"})
        else:
            for lane in lanes.values():
                await lane.stop()
            process_cache.stop_listening()
            await send({"type": "lifespan.shutdown.complete"})
            return
