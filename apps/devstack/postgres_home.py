"""Where does the embedded PostgreSQL keep its data, which programs does it run, and as whom?

PostgreSQL refuses to run as root. Started by root, it runs as an account without rights instead, and
that account must reach the programs and the data. In a folder only root may enter (`/root/lava`) it
cannot; then both go to `/var/lib/lava`, and the file `elsewhere` in our own folder says so.
"""

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from apps.devstack.errors import CannotStart
from apps.devstack.postgres_programs import Programs, can_enter, can_run, copied_programs, installed_programs
from apps.devstack.processes import Account

# Not below /tmp or /var/tmp: those are swept by age, and anybody may put a folder of that name there first.
REFUGE = Path("/var/lib/lava")
ACCOUNTS = ("postgres", "nobody")


class DataBelongsToAnother(CannotStart):
    """The data was made by another account, whose files we may not read or must not touch."""


class DataOutOfReach(CannotStart):
    """The account PostgreSQL runs as can no longer enter the folder its data is in."""


class UnsafeFolder(CannotStart):
    """A folder we were about to trust belongs to somebody else, or others may write to it."""


@dataclass(frozen=True)
class Home:
    """`data` is PGDATA, whether it exists yet or not; `account` is None when we run it as ourselves."""

    data: Path
    programs: Programs
    account: Account | None


def find_home(root: Path, *, refuge: Path = REFUGE) -> Home:
    """Decide for the cluster at `root`, and make the folders above its data."""
    _make_folder(root)
    programs = installed_programs()
    if os.geteuid() != 0:
        return Home(data=_own_data(root), programs=programs, account=None)
    data, account = _data_and_account(root, refuge)
    if not can_run(account, programs):
        programs = copied_programs(programs, into=_trusted_folder(refuge))
    return Home(data=data, programs=programs, account=account)


def _make_folder(folder: Path) -> None:
    """Make `folder` enterable by everybody, whatever the umask; what is secret in it has its own mode."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def _own_data(root: Path) -> Path:
    """The data folder when we are not root; refused when root or another user made it."""
    data = root / "data"
    if (root / "elsewhere").exists() or (data.exists() and data.stat().st_uid != os.geteuid()):
        raise DataBelongsToAnother(
            f"The data in {root} was made by another user, probably because Lava was first started as root.\n"
            f"Start it as that user again, or move the folder away to begin afresh: sudo mv {root} {root}.old"
        )
    return data


def _data_and_account(root: Path, refuge: Path) -> tuple[Path, Account]:
    """What root uses: the account that made the data, or an account without rights for new data."""
    data = _data_elsewhere(root) or root / "data"
    if data.exists():
        account = _owner(data)
        if not can_enter(account, data):
            raise DataOutOfReach(
                f"PostgreSQL runs as {account.name}, who may not enter {data}. A folder above it has become "
                f"private; open it again with chmod o+x."
            )
        return data, account
    account = _account_without_rights()
    if not can_enter(account, data.parent):
        data = _claim_place_elsewhere(root, refuge)
    return data, account


def _account_without_rights() -> Account:
    for name in ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=found.pw_uid, gid=found.pw_gid)
    # Minimal containers list no accounts at all; the number needs none.
    return Account(name="65534", uid=65534, gid=65534)


def _owner(data: Path) -> Account:
    found = data.stat()
    if found.st_uid == 0:
        raise DataBelongsToAnother(f"{data} belongs to root, and PostgreSQL never runs as root. Move it away.")
    try:
        name = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        name = str(found.st_uid)
    return Account(name=name, uid=found.st_uid, gid=found.st_gid)


# --- Data outside the project ---------------------------------------------------------------------


def _data_elsewhere(root: Path) -> Path | None:
    """Where `elsewhere` says the data of this project is, if it has moved out.

    A renamed project keeps its data. A copied one does not share it: the original still claims it.
    """
    pointer = root / "elsewhere"
    if not pointer.exists():
        return None
    place = Path(pointer.read_text().strip())
    claim = place / "belongs-to"
    if not claim.exists():
        return None
    claimed_by = Path(claim.read_text().strip())
    if claimed_by != root and (claimed_by / "elsewhere").exists():
        return None
    _trusted_folder(place.parent)
    _trusted_folder(place)
    claim.write_text(f"{root}\n")
    return place / "data"


def _claim_place_elsewhere(root: Path, refuge: Path) -> Path:
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    place = _trusted_folder(_trusted_folder(refuge) / name)
    (place / "belongs-to").write_text(f"{root}\n")
    (root / "elsewhere").write_text(f"{place}\n")
    return place / "data"


def _trusted_folder(folder: Path) -> Path:
    """`folder`, made if missing; refused unless it is ours alone to write to."""
    _make_folder(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise UnsafeFolder(
            f"{folder} should be a folder that only root can write to, and is not. "
            f"Look who made it, then remove it and start again."
        )
    return folder
