"""`python -m apps.devstack.migrate_and_seed FOLDER [OPTIONS]`: bring the database up to date, and fill it if empty.

One process for both, because starting Django takes longer than finding that there is nothing to do. Its last
line is the answer of `seed_demo`: the sandbox merchant's login and secret key as a JSON object.
"""

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import django
from django.core.management import call_command
from django.utils.module_loading import import_string

from apps.devstack.local_secrets import local_secrets


def main(folder: Path, seed_options: Sequence[str]) -> None:
    """Migrate and seed; both change nothing the second time."""
    django.setup()
    call_command("migrate", interactive=False)
    # By name: its module can only be imported once Django is set up.
    generate_key = import_string("apps.merchants.secret_keys.generate")
    made_up = local_secrets(
        folder / "secrets.json",
        made_by={
            "LAVA_SEED_PASSWORD": lambda: secrets.token_urlsafe(12),
            "LAVA_SEED_SECRET_KEY": lambda: str(generate_key(mode="test")),
        },
    )
    os.environ |= {name: value for name, value in made_up.items() if not os.environ.get(name)}
    call_command("seed_demo", *seed_options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
