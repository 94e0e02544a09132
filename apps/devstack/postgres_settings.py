"""How is the embedded PostgreSQL set up on a machine of this size?"""

import os
from pathlib import Path

MEGABYTE = 1024 * 1024
# Where a container learns how much of the machine's memory is its own.
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_bytes() -> int:
    """The memory this process may use: the machine's, or less inside a container."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *filter(None, map(_limit, CGROUP_LIMITS))])


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # "max" is no limit


def server_settings(*, memory: int, durable: bool, has_lz4: bool) -> dict[str, str]:
    """PostgreSQL's parameters for `memory` bytes: a quarter of it for its cache, between 128 MB and 2 GB.

    With 8 GB that is `shared_buffers` 2048MB and `effective_cache_size` 4096MB. `durable` keeps every
    acknowledged commit through a power loss; without it the data is only good for tests.
    """
    shared_megabytes = min(max(memory // 4 // MEGABYTE, 128), 2048)
    settings = {
        "shared_buffers": f"{shared_megabytes if durable else 128}MB",
        "effective_cache_size": f"{max(memory // 2 // MEGABYTE, 256)}MB",
        "max_connections": "200",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "lz4" if has_lz4 else "off",
        "random_page_cost": "1.1",
        # Compiling takes longer than any query of Lava runs.
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
        "password_encryption": "scram-sha-256",
    }
    return settings | (DURABLE if durable else FORGETFUL)


DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Test databases are made anew whenever in doubt, so nothing is lost by not waiting for the disk. Commits are
# still handed to the operating system: tests kill the server and expect to find what it acknowledged.
FORGETFUL = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}
