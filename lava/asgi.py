"""The two lanes: the hot route goes to its own door, everything else to Django.

Both doors lead to the same functions; with a rate limit on usage reporting the hot route goes
through Django too, which counts.
"""

import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lava.settings")

from django.core.asgi import get_asgi_application  # noqa: E402

django_application = get_asgi_application()

from django.conf import settings  # noqa: E402

from apps.core import process_cache  # noqa: E402
from apps.requests.lane import Lane, Receive, Scope, Send  # noqa: E402

lane = Lane()
HOT_PATH = None if settings.USAGE_RATE_LIMIT_PER_MINUTE else "/v1/requests"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Route one connection."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http" and scope["path"] == HOT_PATH and scope["method"] == "POST":
        await lane(scope, receive, send)
    else:
        await django_application(cast(Any, scope), receive, cast(Any, send))


async def _live(receive: Receive, send: Send) -> None:
    """Start what runs beside the requests, and stop it when the server does."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            process_cache.listen()
            lane.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await lane.stop()
            process_cache.stop_listening()
            await send({"type": "lifespan.shutdown.complete"})
            return
