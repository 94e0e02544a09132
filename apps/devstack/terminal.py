"""How does the stack speak to the person at the terminal?"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

NAME_WIDTH = 8
COLOURS = {"lava": 35, "postgres": 34, "web": 32, "worker": 33, "setup": 36}


def say(line: str, *, name: str = "lava") -> None:
    """Print one line, marked with the part it comes from."""
    mark = f"{name:>{NAME_WIDTH}} │"
    if sys.stdout.isatty():
        mark = f"\033[{COLOURS.get(name, 37)}m{mark}\033[0m"
    # When nobody reads any more (`make run | head`, a closed window), what we are here for goes on.
    with suppress(OSError):
        print(mark, line, flush=True)


def show_box(title: str, rows: Sequence[tuple[str, str]], *, below: Sequence[str]) -> None:
    """Print labelled values in a frame, then lines to copy, without a frame around them."""
    label_width = max(len(label) for label, _ in rows)
    lines = [f"{label:<{label_width}}  {value}" for label, value in rows]
    width = max(len(title), *map(len, lines))
    edge = "─" * (width + 2)
    framed = [f"│ {line:<{width}} │" for line in (title, "", *lines)]
    print("", f"╭{edge}╮", *framed, f"╰{edge}╯", "", *below, "", sep="\n", flush=True)


@dataclass
class Lines:
    """Bytes as they arrive, cut into lines of text."""

    _rest: bytes = field(default=b"")

    def add(self, arrived: bytes) -> list[str]:
        """The lines that are complete now."""
        *complete, self._rest = (self._rest + arrived).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in complete]

    def last(self) -> list[str]:
        """What is left at the end of the stream, if its last line was not complete."""
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []
