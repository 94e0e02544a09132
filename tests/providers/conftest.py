"""Answers as an application forwards them: parsed JSON, every number exact."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

TRANSCRIPTS = Path(__file__).parent / "transcripts"


@pytest.fixture
def transcript() -> Callable[[str], dict[str, Any]]:
    """Load a recorded answer by name."""

    def load(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads((TRANSCRIPTS / f"{name}.json").read_text(), parse_float=Decimal)
        return answer

    return load
