"""What the demo merchant's application reports: request by request, as it would over the API."""

from __future__ import annotations

import json
from datetime import datetime
from random import Random
from typing import Any, Final

from apps.dashboard.demo.cast import Persona
from apps.dashboard.demo.catalogue import CHAT, IMAGES, RESEARCH, TRANSCRIPTION
from apps.merchants.models import Merchant
from apps.requests.records import Report
from apps.requests.reporting import parse_report

# What a request of each meter is charged on average: how many of them a month's dollars buy.
CHARGE_ABOUT: Final = {CHAT: 0.063, RESEARCH: 0.135, TRANSCRIPTION: 0.20, IMAGES: 0.08}

# (provider, model, how often); models that no price list knows have a cost that is not known.
CHAT_MODELS: Final = (
    ("anthropic", "claude-sonnet-4-6", 46),
    ("openai", "gpt-5-mini", 28),
    ("google", "gemini-2.5-flash", 14),
    ("anthropic", "claude-haiku-4-5", 9),
    ("acme", "acme-writer-2", 3),
)
RESEARCH_MODELS: Final = (("anthropic", "claude-opus-4-8", 70), ("openai", "gpt-5.1", 30))
SPEECH_MODELS: Final = (("openai", "whisper-1", 62), ("groq", "whisper-large-v3", 30), ("deepgram", "nova-3", 8))
IMAGE_MODELS: Final = (("fal", "flux-pro", 85), ("acme", "acme-sketch-1", 15))
FEATURES: Final = ("draft", "rewrite", "summary", "search", "inbox")


def requests_expected(persona: Persona, *, day: int, at: datetime, hours: float) -> float:
    """How many requests a persona makes in the `hours` before `at`, on average."""
    if persona.plan is None or day < persona.joined_day:
        return 0
    total = sum(persona.mix.values())
    charge = sum(CHARGE_ABOUT[meter] * share / total for meter, share in persona.mix.items())
    per_day = persona.monthly / charge / 30
    of_the_week = persona.weekend if at.weekday() >= 5 else 1 + (1 - persona.weekend) * 0.4
    of_the_day = persona.rhythm[at.hour] / sum(persona.rhythm) * hours
    # People come to rely on it: the first weeks are slower.
    grown = min(1.15, 0.55 + (day - persona.joined_day) / 50)
    return per_day * of_the_week * of_the_day * grown


def how_many(expected: float, rng: Random) -> int:
    """A whole number of requests, scattered around what is expected (Poisson, by its waiting times)."""
    count, waited = 0, rng.expovariate(1)
    while waited < expected:
        count += 1
        waited += rng.expovariate(1)
    return count


def report(persona: Persona, merchant: Merchant, *, at: datetime, rng: Random) -> Report:
    """One request, read as the API reads it: the body says what was used, the price list what it cost."""
    meter = rng.choices(list(persona.mix), weights=list(persona.mix.values()))[0]
    body = {
        "request_id": f"req_{rng.getrandbits(64):016x}",
        "customer_id": persona.reference_id,
        "meter_slug": meter,
        "metadata": {"feature": rng.choice(FEATURES)},
        **_used(meter, rng),
    }
    return parse_report(json.dumps(body).encode(), merchant, at=at)


def _used(meter: str, rng: Random) -> dict[str, Any]:
    match meter:
        case "chat":
            provider, model = _model(CHAT_MODELS, rng)
            tokens = {"input_tokens": _about(6_600, rng), "output_tokens": _about(1_240, rng)}
        case "research":
            provider, model = _model(RESEARCH_MODELS, rng)
            tokens = {"input_tokens": _about(11_500, rng), "output_tokens": _about(2_100, rng)}
        case "transcription":
            provider, model = _model(SPEECH_MODELS, rng)
            return {"provider": provider, "model": model, "input_seconds": _about(1_000, rng) + rng.randrange(10) / 10}
        case _:
            provider, model = _model(IMAGE_MODELS, rng)
            known = {"cost": 0.04} if provider == "fal" else {}
            return {"provider": provider, "model": model, **known}
    return {"provider": provider, "model": model, **tokens}


def _model(models: tuple[tuple[str, str, int], ...], rng: Random) -> tuple[str, str]:
    provider, model, _ = rng.choices(models, weights=[often for _, _, often in models])[0]
    return provider, model


def _about(usual: int, rng: Random) -> int:
    """Mostly near the usual, now and then several times as much."""
    return max(1, int(rng.lognormvariate(0, 0.55) * usual * 0.86))
