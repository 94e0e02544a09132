"""How an update says "leave this as it is" where None already means "set it to nothing"."""

from enum import Enum
from typing import Final, Literal


class Unchanged(Enum):
    """The type of UNCHANGED."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""`name: str | None | UnchangedType = UNCHANGED`"""

UnchangedType = Literal[Unchanged.UNCHANGED]
