"""`manage.py seed_demo`: fill a new installation with a merchant that has a past."""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core import clock
from apps.dashboard.demo.cast import CAST
from apps.dashboard.demo.seeding import DAYS, EMAIL, ensure_demo
from apps.merchants.secret_keys import generate


class Command(BaseCommand):
    help = (
        "Open the merchant Acme AI with an owner, a sandbox key and ninety days of history in its sandbox. "
        "Its password and key are LAVA_SEED_PASSWORD and LAVA_SEED_SECRET_KEY, or made up and shown this once. "
        "Run again, it changes nothing. The last line is a JSON object."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=DAYS, help="how far back the history goes")
        parser.add_argument("--people", type=int, default=len(CAST), help="how many customers, at most all of them")

    def handle(self, *, days: int, people: int, **options: Any) -> None:
        given = {name: os.environ.get(f"LAVA_SEED_{name}", "") for name in ("PASSWORD", "SECRET_KEY")}
        password = given["PASSWORD"] or secrets.token_urlsafe(12)
        secret_key = given["SECRET_KEY"] or generate(mode="test")
        demo = ensure_demo(password=password, secret_key=secret_key, now=clock.now(), days=days, people=people)
        if demo.created:
            self.stderr.write("Acme AI is open, with its history in the sandbox.")
        known = {
            "email": EMAIL,
            # What was made up by an earlier run was shown then; only its hash is kept.
            "password": password if demo.created or given["PASSWORD"] else None,
            "secret_key": secret_key if demo.created or given["SECRET_KEY"] else None,
            "merchant": demo.sandbox.public_id,
        }
        self.stdout.write(json.dumps(known))
