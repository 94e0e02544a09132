"""What a refusal is: something Lava declines to do, with a name and a status that callers can rely on."""

from typing import ClassVar


class LavaError(Exception):
    """A refusal. Subclasses are defined beside the function that raises them and named for what is wrong.

    `code` is the stable word in the API's error object, `status` the HTTP status; the message is for people.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
