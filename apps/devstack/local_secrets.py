"""Which secrets does this installation use when nobody configured any?"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path


def local_secrets(file: Path, *, made_by: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """The secrets named in `made_by`, from `file`; those it lacks are made now and kept there for ever.

    Only the one who starts Lava can read the file.
    """
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in made_by if name not in known]
    if missing:
        known |= {name: made_by[name]() for name in missing}
        _write(file, known)
    return {name: known[name] for name in made_by}


def _write(file: Path, known: Mapping[str, str]) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(known, stream, indent=1)
    unfinished.rename(file)
