"""What time it is. Only edges ask; everything below them is told (`at`)."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)
