"""docs/api.md knows every refusal by its code and status, and none that is not there."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import apps
from apps.core.errors import LavaError
from apps.core.rest.errors import FRAMEWORK_CODES
from apps.core.rest.openapi import openapi_document

DOCUMENT = (Path(apps.__path__[0]).parent / "docs" / "api.md").read_text()
TABLE, REST = DOCUMENT.split("## Errors")[1].split("Refusals that only people")


def _refusals(kind: type[LavaError] = LavaError) -> Iterator[type[LavaError]]:
    for refusal in kind.__subclasses__():
        yield refusal
        yield from _refusals(refusal)


def _in_code() -> set[tuple[int, str]]:
    for module in pkgutil.walk_packages(apps.__path__, "apps."):
        if not any(part in module.name for part in (".migrations", ".devstack", ".management")):
            importlib.import_module(module.name)
    own = {(refusal.status, refusal.code) for refusal in _refusals() if refusal.__module__.startswith("apps.")}
    return own | {(kind.status_code, code) for kind, code in FRAMEWORK_CODES.items()}


def _in_table() -> set[tuple[int, str]]:
    rows = re.findall(r"^\| (\d{3}) \| (.+?) \|", TABLE, flags=re.MULTILINE)
    return {(int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}


def test_every_refusal_is_documented_and_no_other():
    elsewhere = set(re.findall(r"`(\w+)`", REST))
    assert {pair for pair in _in_code() if pair[1] not in elsewhere} == _in_table()


def test_codes_are_words_and_mean_one_status_each():
    statuses: dict[str, set[int]] = {}
    for status, code in _in_code():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        statuses.setdefault(code, set()).add(status)
    assert all(len(each) == 1 for each in statuses.values())


def test_every_code_in_openapi_is_documented():
    documented = _in_table()
    for methods in openapi_document()["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                for code in re.findall(r"^`(\w+)`:", answer["description"], flags=re.MULTILINE):
                    assert (int(status), code) in documented
