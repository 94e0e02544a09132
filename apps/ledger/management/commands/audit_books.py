"""`manage.py audit_books`: prove the books, print each difference, and fail when there is one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.core.public_ids import MODES, parse_public_id
from apps.ledger.audit import AuditReport, NoSuchInvariant, Proof, audit_and_store, run_audit
from apps.merchants.models import Merchant


class Command(BaseCommand):
    help = (
        "Recompute everything from the ledger's entries and print each difference. Locks nothing "
        "and may run while requests are charged. Exit status 1 when there is a difference. An audit of "
        "everything is stored, and the dashboard shows the newest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", metavar="ID", help="one merchant's books, by its id (mer_test_…)")
        parser.add_argument("--only", metavar="A4,A6", default="", help="these invariants only")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")

    def handle(self, *, merchant: str | None, only: str, json: bool, **options: Any) -> None:
        names = {str(found.pk): str(found) for found in Merchant.objects.all()}
        report = _audit(merchant, [id.strip().upper() for id in only.split(",") if id.strip()])
        if json:
            self.stdout.write(_as_json(report))
        else:
            self._print(report, names)
        if report.differences:
            sys.exit(1)

    def _print(self, report: AuditReport, names: dict[str, str]) -> None:
        for proof in report.proofs:
            self.stdout.write(_summary(proof), self.style.ERROR if proof.differences else self.style.SUCCESS)
            for found in proof.differences:
                whose = names.get(str(found.merchant_id), str(found.merchant_id))
                self.stdout.write(f"       {whose}, {found.subject}: {found.message}.")
        self.stdout.write(
            f"{len(report.proofs)} invariants, {report.rows:,} rows, {report.seconds:.1f} s: "
            f"{_counted(len(report.differences))} as of {report.at:%Y-%m-%d %H:%M:%S} UTC."
        )


def _audit(merchant: str | None, only: list[str]) -> AuditReport:
    """The audit that was asked for. Raises CommandError for a merchant or an invariant that is not there."""
    at = clock.now()
    if merchant is None and not only:
        return audit_and_store(at=at)
    try:
        return run_audit(at=at, merchant=None if merchant is None else _merchant(merchant), only=only)
    except NoSuchInvariant as unknown:
        raise CommandError(str(unknown)) from unknown


def _merchant(text: str) -> Merchant:
    ids = [parse_public_id(Merchant.public_prefix, mode, text) for mode in MODES]
    found = Merchant.objects.filter(pk__in=[id for id in ids if id]).first()
    if found is None:
        raise CommandError(f"There is no merchant {text}.")
    return found


def _summary(proof: Proof) -> str:
    verdict = _counted(len(proof.differences)) if proof.differences else "holds"
    return f"{proof.invariant.id:4} {verdict}: {proof.invariant.sentence} ({proof.rows:,} rows, {proof.seconds:.1f} s)"


def _counted(differences: int) -> str:
    return "1 difference" if differences == 1 else f"{differences or 'no'} differences"


def _as_json(report: AuditReport) -> str:
    proofs = [
        {
            "id": proof.invariant.id,
            "sentence": proof.invariant.sentence,
            "rows": proof.rows,
            "seconds": round(proof.seconds, 3),
            "differences": [asdict(found) for found in proof.differences],
        }
        for proof in report.proofs
    ]
    return json.dumps({"at": report.at.isoformat(), "invariants": proofs}, indent=2, default=str)
