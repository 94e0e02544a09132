"""The embedded PostgreSQL comes up, survives what happens to it, and refuses readably what it cannot use."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from apps.devstack.embedded_postgres import DataInUse, DataTooNew, DataTooOld
from apps.devstack.processes import command_line, end_by_number


def ask(url: str, question: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone() if cursor.description else None


def kill_9(pid: int) -> None:
    end_by_number(pid, politely=signal.SIGKILL, within_seconds=10)


def test_the_application_gets_an_ordinary_role_that_owns_its_database(postgres):
    assert ask(
        postgres.url(),
        "SELECT rolsuper, rolcreaterole, rolreplication, rolbypassrls, rolcreatedb "
        "FROM pg_roles WHERE rolname = current_user",
    ) == (False, False, False, False, True)
    assert ask(
        postgres.url(),
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocale "
        "FROM pg_database WHERE datname = current_database()",
    ) == ("lava", "UTF8", "C.UTF-8")


def test_an_acknowledged_commit_is_on_the_disk(cluster, open_folder):
    postgres = cluster(open_folder / "postgres", durable=True)
    postgres.start()
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert ask(postgres.url(), f"SHOW {setting}") == ("on",)


def test_nobody_comes_in_without_the_password(postgres):
    address = f"host=127.0.0.1 port={postgres.port} dbname=lava"
    for role in ("lava", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"{address} user={role} password=wrong")
    assert (postgres.root / "passwords.json").stat().st_mode & 0o777 == 0o600


def test_a_second_start_keeps_the_data_and_the_address(cluster, postgres):
    ask(postgres.url(), "CREATE TABLE kept (word text)")
    address = postgres.url()
    postgres.stop()

    again = cluster(postgres.root)

    assert again.start() == address
    assert ask(again.url(), "SELECT count(*) FROM kept") == (0,)


def test_kill_9_loses_nothing_and_does_not_keep_it_from_starting(postgres):
    ask(postgres.url(), "CREATE TABLE kept AS SELECT 'word' AS word")
    kill_9(postgres.running().pid)

    postgres.start()

    assert ask(postgres.url(), "SELECT word FROM kept") == ("word",)


def test_a_pid_file_whose_number_belongs_to_a_stranger_does_not_keep_it_from_starting(postgres, stranger):
    pid_file = postgres.home.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    kill_9(postgres.running().pid)
    account = postgres.home.account
    # PostgreSQL takes any living process of its own account for a server of this data.
    somebody = stranger(user=account.uid if account else None)
    pid_file.write_text("\n".join([str(somebody.pid), *lines[1:]]))

    postgres.start()

    assert somebody.poll() is None
    assert ask(postgres.url(), "SELECT 1") == (1,)


def test_a_server_left_behind_is_used_by_the_next_start(cluster, postgres):
    again = cluster(postgres.root)

    assert again.start() == postgres.url()
    assert again.running() == postgres.running()


def test_the_last_borrower_stops_it(cluster, open_folder):
    first, second = cluster(open_folder / "postgres"), cluster(open_folder / "postgres")
    with first.borrowed():
        with second.borrowed() as url:
            pid = second.running().pid
        assert ask(url, "SELECT 1") == (1,)
    assert first.running() is None
    assert command_line(pid) == []


def test_who_claims_it_shares_it_with_nobody_until_it_says_so(cluster, open_folder):
    borrower, owner = cluster(open_folder / "postgres"), cluster(open_folder / "postgres")
    with borrower.borrowed(), pytest.raises(DataInUse, match="Another command is using"), owner.claimed():
        pytest.fail("claimed while somebody was using it")
    with owner.claimed() as users:
        owner.start()
        users.together()
        with borrower.borrowed() as url:
            assert ask(url, "SELECT 1") == (1,)
        assert owner.running()  # the borrower was not the last


def test_a_borrower_leaves_it_to_the_owner_to_start_it_again(cluster, open_folder):
    borrower, owner = cluster(open_folder / "postgres"), cluster(open_folder / "postgres")
    with owner.claimed() as users, ThreadPoolExecutor() as pool:
        owner.start()
        users.together()
        kill_9(owner.running().pid)

        borrowing = pool.submit(lambda: pid_while_borrowed(borrower))
        owner.start()

        assert borrowing.result(30) == owner.running().pid


def pid_while_borrowed(borrower):
    with borrower.borrowed():
        return borrower.running().pid


@pytest.mark.parametrize(
    ("written_by", "refusal", "advice"),
    [(99, DataTooNew, "written by PostgreSQL 99; this version of Lava brings"), (9, DataTooOld, "pg_dump")],
)
def test_data_of_another_version_is_refused_with_advice(cluster, open_folder, written_by, refusal, advice):
    postgres = cluster(open_folder / "postgres")
    postgres.prepare()
    (postgres.home.data / "PG_VERSION").write_text(f"{written_by}\n")

    with pytest.raises(refusal, match=advice) as refused:
        postgres.start()

    assert f"mv {postgres.home.data} " in str(refused.value)
    (postgres.home.data / "PG_VERSION").write_text(f"{postgres.home.programs.major}\n")


def test_a_first_start_that_was_interrupted_is_completed_by_the_next(cluster, open_folder):
    postgres = cluster(open_folder / "postgres")
    postgres.prepare()
    unfinished = postgres.home.data.with_name("data.unfinished")
    postgres.home.data.rename(unfinished)

    postgres.start()

    assert ask(postgres.url(), "SELECT 1") == (1,)
    assert not unfinished.exists()
