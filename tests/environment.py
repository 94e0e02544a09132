"""What the environment says during tests; loaded before Django reads its settings."""

import os

os.environ.setdefault("LAVA_SECRET_KEY", "tests only")
os.environ.setdefault("LAVA_KEY_PEPPER", "tests only")
