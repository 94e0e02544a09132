"""PostgreSQL runs without rights, from folders that its account can reach and nobody else can write to."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from apps.devstack.embedded_postgres import EmbeddedPostgres
from apps.devstack.postgres_home import DataBelongsToAnother, UnsafeFolder, find_home
from apps.devstack.postgres_programs import can_enter, can_run, copied_programs, installed_programs
from apps.devstack.processes import Account

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
NOBODY = pwd.getpwnam("nobody")


def owner_of(path: Path) -> int:
    return path.stat().st_uid


@pytest.fixture
def private_folder():
    """A folder like /root, which only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="lava-tests-"))
    yield folder
    shutil.rmtree(folder)


@as_root
def test_started_by_root_it_runs_as_somebody_without_rights(postgres):
    assert owner_of(postgres.home.data) == postgres.home.account.uid != 0
    status = Path(f"/proc/{postgres.running().pid}/status").read_text()
    uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    groups = next(line.split()[1:] for line in status.splitlines() if line.startswith("Groups:"))
    assert set(uids) == {str(postgres.home.account.uid)}
    assert groups == []


@as_root
def test_in_a_folder_only_root_may_enter_the_data_goes_where_its_account_can_read(cluster, private_folder, refuge):
    postgres = cluster(private_folder / ".lava" / "postgres")

    with psycopg.connect(postgres.start()) as connection:
        connection.execute("CREATE TABLE kept (word text)")

    assert postgres.home.data.is_relative_to(refuge)
    assert (postgres.root / "elsewhere").read_text().strip() == str(postgres.home.data.parent)
    assert not (postgres.root / "data").exists()


@as_root
def test_a_renamed_project_keeps_its_data_and_a_copy_gets_its_own(cluster, private_folder):
    root = private_folder / "first" / "postgres"
    original = cluster(root)
    original.prepare()
    shutil.copytree(private_folder / "first", private_folder / "copy")
    copy = cluster(private_folder / "copy" / "postgres")

    assert copy.home.data != original.home.data

    (private_folder / "first").rename(private_folder / "second")
    renamed = cluster(private_folder / "second" / "postgres")
    assert renamed.home.data == original.home.data
    assert cluster(private_folder / "second" / "postgres").home.data == original.home.data


@as_root
def test_a_place_that_a_stranger_made_first_is_not_trusted(private_folder, open_folder):
    refuge = open_folder / "refuge"
    refuge.mkdir()
    os.chown(refuge, NOBODY.pw_uid, NOBODY.pw_gid)

    with pytest.raises(UnsafeFolder, match="only root can write to"):
        find_home(private_folder / "postgres", refuge=refuge)


@as_root
def test_programs_that_only_root_can_read_are_copied_so_that_everybody_can(private_folder, open_folder):
    nobody = Account(name="nobody", uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)
    originals = copied_programs(installed_programs(), into=private_folder)
    assert not can_run(nobody, originals)

    copies = copied_programs(originals, into=open_folder)

    assert can_run(nobody, copies)
    assert copied_programs(originals, into=open_folder) == copies


@as_root
def test_started_by_somebody_else_it_runs_as_that_one(open_folder):
    account = Account(name="nobody", uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)
    if not can_run(account, installed_programs()):
        pytest.skip("the virtual environment is in a folder that only root may enter")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, account.uid, account.gid)

    def start_and_stop() -> None:
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)
        postgres = EmbeddedPostgres(home / "postgres")
        psycopg.connect(postgres.start()).close()
        postgres.stop()

    # Forked, because an account without rights may not be able to start this Python anew.
    child = multiprocessing.get_context("fork").Process(target=start_and_stop)
    child.start()
    child.join(30)

    assert child.exitcode == 0
    assert owner_of(home / "postgres" / "data") == account.uid


@as_root
def test_data_that_root_made_is_refused_to_others_with_advice(postgres):
    def start() -> None:
        os.setgroups([])
        os.setgid(NOBODY.pw_gid)
        os.setuid(NOBODY.pw_uid)
        with pytest.raises(DataBelongsToAnother, match="made by another user"):
            find_home(postgres.root)

    if owner_of(postgres.home.data) == NOBODY.pw_uid:
        pytest.skip("on this machine PostgreSQL runs as nobody")
    child = multiprocessing.get_context("fork").Process(target=start)
    child.start()
    child.join(30)
    assert child.exitcode == 0


def test_the_account_is_asked_and_not_the_permission_bits(private_folder, open_folder):
    if os.geteuid() != 0:
        pytest.skip("only root can ask as somebody else")
    nobody = Account(name="nobody", uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)
    inside = private_folder / "open"
    inside.mkdir(mode=0o755)

    assert can_enter(nobody, open_folder)
    assert not can_enter(nobody, inside)
