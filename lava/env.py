"""Typed readers of the environment. A missing or odd value stops the program with a hint."""

import os
from urllib.parse import parse_qs, unquote, urlsplit


class BadEnvironment(SystemExit):
    """The program was started with a setting it cannot run with."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")


def text(name: str, default: str | None = None) -> str:
    """The value of `name`; without a default it must be there and not be empty."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise BadEnvironment(name, "is not set. `make run` sets it for you; docs/operations.md lists them all.")
    return default


def flag(name: str, default: bool) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off."""
    value = text(name, "on" if default else "off").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadEnvironment(name, f"is {value!r}; say on or off.")


def number(name: str, default: int, *, at_least: int = 0) -> int:
    """A whole number."""
    value = text(name, str(default))
    try:
        parsed = int(value)
    except ValueError:
        raise BadEnvironment(name, f"is {value!r}; it must be a whole number.") from None
    if parsed < at_least:
        raise BadEnvironment(name, f"is {parsed}; it must be at least {at_least}.")
    return parsed


def words(name: str, default: str = "") -> list[str]:
    """Comma-separated values."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def database(name: str) -> dict[str, object]:
    """Django's settings for `postgresql://user:password@host:port/name?option=value`."""
    url = text(name)
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise BadEnvironment(name, f"starts with {parts.scheme!r}; Lava runs on postgresql:// only.")
    if not parts.path.strip("/"):
        raise BadEnvironment(name, "names no database; end it with /<database>.")
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or options.pop("port", "")),
        "OPTIONS": options,
    }
