"""Every way a book can be wrong that we could think of, each seeded behind the ledger's back.

An audit that never finds anything proves nothing. Each defect here must be found by its own invariant, in a
sentence that names what is wrong and both numbers, and by those others that it breaks as well, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.db import connection

from apps.ledger.audit import run_audit
from tests.audit.conftest import AUDITED_AT, Book, readable
from tests.factories.books import unlocked_ledger


@dataclass(frozen=True)
class Defect:
    """A statement that makes a sound book wrong, and what the audit must say of it."""

    invariant: str
    story: str
    seed: str
    subject: str
    message: str
    also: str = ""  # other invariants that this breaks too

    def __str__(self) -> str:
        return f"{self.invariant}: {self.story}"


DEFECTS = [
    Defect(
        "A1",
        "a balance is a cent too high",
        "UPDATE ledger_balance SET balance = balance + 0.01 WHERE customer_id = %(ada)s",
        "customer ada",
        "the balance is 12.51, but the entries sum to 12.5",
        also="A3 A16",
    ),
    Defect(
        "A1",
        "an entry is gone",
        "DELETE FROM ledger_ledgerentry WHERE customer_id = %(ada)s AND kind = 'adjustment' AND amount > 0",
        "customer ada",
        "the balance is 12.5, but the entries sum to 12",
        also="A2 A16",
    ),
    Defect(
        "A1",
        "an entry in the middle is gone",
        "DELETE FROM ledger_ledgerentry WHERE customer_id = %(ada)s AND seq = 2",
        "customer ada, entry 3",
        "it follows entry 1, so there is a gap",
        also="A2 A4 A16",
    ),
    Defect(
        "A1",
        "the balance after an entry was edited",
        "UPDATE ledger_ledgerentry SET balance_after = 11 WHERE customer_id = %(ada)s AND seq = 1",
        "customer ada, entry 1",
        "the balance after it is 11, but 0 and 10 are 10",
    ),
    Defect(
        "A1",
        "the next entry would get a number that is taken",
        "UPDATE ledger_balance SET last_seq = last_seq - 1 WHERE customer_id = %(ben)s",
        "customer ben",
        "the balance counts 4 entries, but the last one is number 5",
    ),
    Defect(
        "A1",
        "a customer with entries has no balance",
        "DELETE FROM ledger_balance WHERE customer_id = %(cleo)s",
        "customer cleo",
        "there is no balance, but entries that sum to 15",
        also="A16",
    ),
    Defect(
        "A2",
        "a lot has a dollar less than its entries say",
        "UPDATE ledger_grant SET remaining = remaining - 1 WHERE customer_id = %(ben)s AND remaining = 10",
        "grant ben's Starter of 28 February/grant",
        "9 remain, but its entries sum to 10",
        also="A3",
    ),
    Defect(
        "A2",
        "a lot has more left than was given",
        """
        ALTER TABLE ledger_grant DROP CONSTRAINT grant_remains_within_its_amount;
        UPDATE ledger_grant SET remaining = 11 WHERE customer_id = %(ben)s AND remaining = 10
        """,
        "grant ben's Starter of 28 February/grant",
        "11 remain of 10",
        also="A3",
    ),
    Defect(
        "A2",
        "a grant says it was larger than what was given",
        "UPDATE ledger_grant SET amount = 11 WHERE customer_id = %(ben)s AND remaining = 10",
        "grant ben's Starter of 28 February/grant",
        "its amount is 11, but its entry gives 10",
    ),
    Defect(
        "A2",
        "usage was drawn from another customer's lot",
        """
        UPDATE ledger_ledgerentry
        SET grant_id = (SELECT id FROM ledger_grant WHERE customer_id = %(ben)s AND remaining = 10)
        WHERE customer_id = %(ada)s AND kind = 'adjustment' AND amount < 0
        """,
        "grant ben's Starter of 28 February/grant",
        "it is not a lot of customer ada, whose entries on it sum to -1",
    ),
    Defect(
        "A3",
        "a customer owes what no entry says",
        "UPDATE ledger_balance SET deficit = 1 WHERE customer_id = %(ben)s",
        "customer ben",
        "the deficit is 1, but the entries on it sum to 0 owed",
    ),
    Defect(
        "A3",
        "a lot was forgotten",
        "UPDATE ledger_grant SET customer_id = %(ben)s WHERE customer_id = %(ada)s AND remaining = 10",
        "customer ada",
        "the balance is 12.5, but 2.5 in lots less 0 owed is 2.5",
        also="A2",
    ),
    Defect(
        "A3",
        "a deficit stands unpaid beside credits",
        """
        INSERT INTO ledger_ledgerentry (merchant_id, customer_id, id, seq, kind, amount, currency, grant_id,
            balance_after, idempotency_key, created_at, actor, reason)
        SELECT merchant_id, customer_id, gen_random_uuid(), 22 + n, 'deficit_paid', CASE n WHEN 1 THEN 2 ELSE -2 END,
            'USD', CASE n WHEN 1 THEN id END, CASE n WHEN 1 THEN 14.5 ELSE 12.5 END, 'seed/' || n, now(), '', ''
        FROM ledger_grant, generate_series(1, 2) AS n
        WHERE customer_id = %(ada)s AND origin = 'rollover' AND remaining > 0;
        UPDATE ledger_balance SET deficit = 2, last_seq = 24 WHERE customer_id = %(ada)s;
        UPDATE ledger_grant SET remaining = remaining + 2
        WHERE customer_id = %(ada)s AND origin = 'rollover' AND remaining > 0
        """,
        "customer ada",
        "2 is owed, though lots that are not over have 14.5 left",
    ),
    Defect(
        "A4",
        "a request says it was charged a cent more",
        "UPDATE requests_meteredrequest SET charge = charge + 0.01 WHERE request_id = 'ada-1'",
        "request 'ada-1'",
        "it is charged 3.01, but its usage entries sum to 3",
        also="A6 A12",
    ),
    Defect(
        "A4",
        "a usage entry has no request",
        "DELETE FROM requests_meteredrequest WHERE request_id = 'ada-9'",
        "customer ada, entry 20",
        "it takes 2 for request ada-9, which is none of theirs",
        also="A12 A13",
    ),
    Defect(
        "A4",
        "a usage entry counts for another request",
        """
        UPDATE ledger_ledgerentry
        SET source_id = (SELECT id FROM requests_meteredrequest WHERE request_id = 'ada-1')
        WHERE customer_id = %(ada)s AND seq = 3
        """,
        "request 'ada-1'",
        "it is charged 3, but its usage entries sum to 6",
    ),
    Defect(
        "A4",
        "a request names the wrong entries",
        "UPDATE requests_meteredrequest SET first_entry_seq = first_entry_seq + 1 WHERE request_id = 'ada-5'",
        "request 'ada-5'",
        "it names entries 7 to 8, but has 6 to 7",
    ),
    Defect(
        "A4",
        "a receipt shows another balance",
        "UPDATE requests_meteredrequest SET balance_before = 20, balance_after = 18 WHERE request_id = 'ada-9'",
        "request 'ada-9'",
        "it says the balance went from 20 to 18, its entries from 15 to 13",
    ),
    Defect(
        "A4",
        "a request that costs nothing says it moved the balance",
        "UPDATE requests_meteredrequest SET balance_after = balance_after - 1 WHERE request_id = 'ada-6'",
        "request 'ada-6'",
        "it has no entries, but says the balance went from 3.2 to 2.2 when it was 3.2",
    ),
    Defect(
        "A4",
        "a voided request kept the customer's money",
        "UPDATE requests_meteredrequest SET voided_at = now() WHERE request_id = 'ada-9'",
        "request 'ada-9'",
        "it is voided and was charged 2, but the reversals of its entries sum to 0",
        also="A12",
    ),
    Defect(
        "A4",
        "a request that was given back is not voided",
        "UPDATE requests_meteredrequest SET voided_at = NULL WHERE request_id = 'ada-7'",
        "request 'ada-7'",
        "it is not voided, but the reversals of its entries sum to 1",
        also="A12",
    ),
    Defect(
        "A5",
        "more is held than holds reserve",
        "UPDATE ledger_balance SET held = held + 1 WHERE customer_id = %(ben)s",
        "customer ben",
        "3 is held, but the open holds sum to 2",
    ),
    Defect(
        "A5",
        "a hold outlives its expiry",
        "UPDATE ledger_hold SET expires_at = '2026-03-20 11:49:00Z' WHERE request_id = 'ben-running'",
        "hold for request 'ben-running'",
        "it still reserves 2, though it expired at 2026-03-20 11:49:00",
    ),
    Defect(
        "A5",
        "a hold was released though its request was charged",
        "UPDATE ledger_hold SET request_id = 'ada-9', customer_id = %(ada)s WHERE request_id = 'ben-released'",
        "hold for request 'ada-9'",
        "its 1 went free unused, though the request was charged 2 before",
    ),
    Defect(
        "A6",
        "a rate was edited after it had priced requests",
        """
        UPDATE meters_rate SET tiers = '[{"start": "0", "rate": "3"}]'
        WHERE meter_id = (SELECT id FROM meters_meter WHERE merchant_id = %(umbrella)s AND slug = 'tokens')
        """,
        "request 'cleo-1'",
        "it is charged 0.2, but its rate and usage give 0.3",
    ),
    Defect(
        "A6",
        "the rate of a request is gone",
        "DELETE FROM meters_rate WHERE id = (SELECT rate_id FROM requests_meteredrequest WHERE request_id = 'cleo-1')",
        "request 'cleo-1'",
        "its rate version 1 is not there, so its charge of 0.2 cannot be computed again",
        also="A13",
    ),
    Defect(
        "A6",
        "the lines of a receipt add up to something else",
        """
        UPDATE requests_meteredrequest SET breakdown = jsonb_set(breakdown, '{1,amount}', '"1.21"')
        WHERE request_id = 'ada-3'
        """,
        "request 'ada-3'",
        "its breakdown adds up to 3.21, but it is charged 3.2",
    ),
    Defect(
        "A6",
        "the lines of a receipt name another tier",
        """
        UPDATE requests_meteredrequest SET breakdown = jsonb_set(breakdown, '{1,rate}', '"4"')
        WHERE request_id = 'ada-3'
        """,
        "request 'ada-3'",
        "its breakdown is 400000 at 5 from 0 makes 2; 400000 at 4 from 1000000 makes 1.2, "
        "but its rate and usage give 400000 at 5 from 0 makes 2; 400000 at 3 from 1000000 makes 1.2",
    ),
    Defect(
        "A6",
        "a receipt cannot be read",
        "UPDATE requests_meteredrequest SET breakdown = '[{}]' WHERE request_id = 'ada-3'",
        "request 'ada-3'",
        "its charge of 3.2 cannot be computed again: Object missing required field `start` - at `$[0]`",
    ),
    Defect(
        "A6",
        "the cost a percentage was taken of was edited",
        "UPDATE requests_meteredrequest SET cost = 0.4 WHERE request_id = 'ada-4'",
        "request 'ada-4'",
        "it is charged 0.6, but its rate and usage give 0.48",
        also="A12",
    ),
    Defect(
        "A6",
        "tokens were lost after they were charged",
        "UPDATE requests_meteredrequest SET output_tokens = 0, quantity = 1000000 WHERE request_id = 'ada-1'",
        "request 'ada-1'",
        "it is charged 3, but its rate and usage give 2",
        also="A12",
    ),
    Defect(
        "A6",
        "a quantity was edited",
        "UPDATE requests_meteredrequest SET quantity = 2 WHERE request_id = 'ada-6'",
        "request 'ada-6'",
        "it counts 2, but its usage gives 1",
        also="A12",
    ),
    Defect(
        "A6",
        "two requests were priced from the same place in the tiers",
        """
        UPDATE requests_meteredrequest SET used_before = 0, charge = 4, breakdown = '[{"start": "0", "rate": "5",
            "quantity": "800000", "amount": "4"}]' WHERE request_id = 'ada-3'
        """,
        "request 'ada-3'",
        "it is priced as if 0 had been used before, but 600000 had",
        also="A4 A12",
    ),
    Defect(
        "A7",
        "a cycle ends a day late",
        """
        UPDATE subscriptions_cycle SET ends_at = ends_at + interval '1 day'
        WHERE customer_id = %(ben)s AND starts_at = '2026-01-31 09:00:00Z' AND closed_at > starts_at
        """,
        "cycle ben's Starter of 31 January",
        "it runs from 2026-01-31 09:00:00 to 2026-03-01 09:00:00, "
        "but month number 0 from 2026-01-31 09:00:00 on runs from 2026-01-31 09:00:00 to 2026-02-28 09:00:00",
    ),
    Defect(
        "A7",
        "a cycle was skipped",
        "UPDATE subscriptions_cycle SET seq = 3 WHERE customer_id = %(cleo)s AND seq = 2",
        "cycle cleo's Starter of 15 March",
        "it is number 3, but 2 came before it",
    ),
    Defect(
        "A7",
        "nobody renews a subscription any more",
        "UPDATE subscriptions_cycle SET closed_at = ends_at WHERE customer_id = %(ben)s AND closed_at IS NULL",
        "subscription ben's Starter",
        "it is active and has 0 open cycles instead of 1",
        also="A9",
    ),
    Defect(
        "A7",
        "two cycles are open",
        """
        DROP INDEX customer_has_one_open_cycle;
        UPDATE subscriptions_cycle SET closed_at = NULL
        WHERE customer_id = %(ben)s AND seq = 0 AND closed_at > starts_at
        """,
        "subscription ben's Starter",
        "it is active and has 2 open cycles instead of 1",
    ),
    Defect(
        "A7",
        "a subscription that is over still has a cycle",
        """
        UPDATE subscriptions_subscription SET ended_at = '2026-03-20Z'
        WHERE customer_id = %(ben)s AND ended_at IS NULL
        """,
        "subscription ben's Starter",
        "it is over and has 1 open cycles instead of 0",
    ),
    Defect(
        "A7",
        "a customer was on no plan for an hour",
        """
        UPDATE subscriptions_subscription SET ended_at = ended_at - interval '1 hour'
        WHERE customer_id = %(ben)s AND ended_at IS NOT NULL
        """,
        "customer ben",
        "a subscription starts at 2026-01-31 09:00:00, but the one before ended at 2026-01-31 08:00:00",
    ),
    Defect(
        "A7",
        "a cycle's credit was not granted in full",
        "UPDATE subscriptions_cycle SET included_credit = 12 WHERE customer_id = %(cleo)s AND seq = 2",
        "cycle cleo's Starter of 15 March",
        "it includes 12, but 10 was granted for it",
    ),
    Defect(
        "A7",
        "a cycle belongs to somebody else than its subscription",
        """
        UPDATE subscriptions_cycle SET customer_id = %(ada)s
        WHERE customer_id = %(ben)s AND seq = 0 AND closed_at > starts_at
        """,
        "cycle ben's Starter of 31 January",
        "it is another customer's than its subscription",
    ),
    Defect(
        "A9",
        "more rolls over than arrives",
        """
        UPDATE ledger_ledgerentry SET kind = 'rollover_out'
        WHERE customer_id = %(ada)s AND kind = 'expiry' AND amount = -1
        """,
        "customer ada, renewal from entry 15",
        "6 leaves the old cycle, but 5 arrives in the new one",
        also="A16",
    ),
    Defect(
        "A9",
        "credits arrive that never left",
        "UPDATE ledger_ledgerentry SET kind = 'expiry' WHERE customer_id = %(ada)s AND kind = 'rollover_out'",
        "customer ada, renewal from entry 17",
        "0 leaves the old cycle, but 5 arrives in the new one",
        also="A16",
    ),
    Defect(
        "A9",
        "credits were spent after they were over",
        "UPDATE ledger_grant SET expires_at = '2026-01-15 12:00:00Z' WHERE idempotency_key = 'welcome'",
        "customer ada, entry 11",
        "1 was spent at 2026-01-15 12:00:00 out of welcome, over since 2026-01-15 12:00:00",
    ),
    Defect(
        "A9",
        "credits that are over can still be spent",
        "UPDATE ledger_grant SET expires_at = '2026-03-20 11:49:00Z' WHERE idempotency_key = 'up'",
        "grant up",
        "0.5 remain, though it expired at 2026-03-20 11:49:00",
    ),
    Defect(
        "A9",
        "a closed cycle left credits behind",
        """
        UPDATE ledger_grant
        SET cycle_id = (SELECT id FROM subscriptions_cycle WHERE customer_id = %(ada)s AND seq = 1)
        WHERE idempotency_key = 'up'
        """,
        "grant up",
        "0.5 remain, though its cycle closed at 2026-03-15 12:00:00",
    ),
    Defect(
        "A12",
        "a rollup is gone",
        "DELETE FROM requests_hourlyrollup WHERE customer_id = %(cleo)s",
        "customer cleo, meter Umbrella's tokens, hour 2026-01-15 12, no provider, no model",
        "requests 0 instead of 1, requests_without_cost 0 instead of 1, "
        "tokens 0 instead of 100000, charge 0 instead of 0.2",
    ),
    Defect(
        "A12",
        "a rollup sums up requests that are not there",
        """
        INSERT INTO requests_hourlyrollup (merchant_id, customer_id, hour_at, meter_id, provider, model, requests,
            requests_without_cost, tokens, characters, seconds, cost, charge)
        SELECT merchant_id, customer_id, hour_at, meter_id, 'openai', 'gpt-5', 1, 0, 10, 0, 0, 0.1, 0.2
        FROM requests_hourlyrollup WHERE customer_id = %(cleo)s
        """,
        "customer cleo, meter Umbrella's tokens, hour 2026-01-15 12, openai, gpt-5",
        "requests 1 instead of 0, tokens 10 instead of 0, cost 0.1 instead of 0, charge 0.2 instead of 0",
    ),
    Defect(
        "A12",
        "a request was moved to another hour",
        "UPDATE requests_meteredrequest SET created_at = created_at + interval '1 hour' WHERE request_id = 'cleo-1'",
        "customer cleo, meter Umbrella's tokens, hour 2026-01-15 12, no provider, no model",
        "requests 1 instead of 0, requests_without_cost 1 instead of 0, "
        "tokens 100000 instead of 0, charge 0.2 instead of 0",
    ),
    Defect(
        "A12",
        "a tier counter lost a request",
        """
        UPDATE requests_metercounter SET quantity = 600000
        WHERE quantity = 1400000 AND customer_id = %(ada)s
        """,
        "customer ada, meter Acme's search, cycle ada's Starter of 15 January",
        "the counter stands at 600000, but its requests sum to 1400000",
    ),
    Defect(
        "A13",
        "a request was charged on a neighbour's meter",
        """
        UPDATE requests_meteredrequest
        SET meter_id = (SELECT id FROM meters_meter WHERE merchant_id = %(acme)s AND slug = 'tokens')
        WHERE request_id = 'cleo-1'
        """,
        "metered request cleo-1",
        "its meter_id is meter Acme's tokens, which belongs to merchant Acme",
        also="A12",
    ),
    Defect(
        "A13",
        "an entry draws on a neighbour's lot",
        """
        UPDATE ledger_ledgerentry
        SET grant_id = (SELECT id FROM ledger_grant WHERE idempotency_key = 'up')
        WHERE customer_id = %(cleo)s AND kind = 'usage'
        """,
        "ledger entry cleo's 2",
        "its grant_id is grant up, which belongs to merchant Acme",
        also="A2",
    ),
    Defect(
        "A13",
        "a plan draws on a neighbour's meter",
        """
        ALTER TABLE plans_planmeter DROP CONSTRAINT plans_planmeter_meter_is_of_its_merchant;
        UPDATE plans_planmeter
        SET meter_id = (SELECT id FROM meters_meter WHERE merchant_id = %(acme)s AND slug = 'pings')
        WHERE meter_id = (SELECT id FROM meters_meter WHERE merchant_id = %(umbrella)s AND slug = 'pings')
        """,
        "plan meter Starter's pings",
        "its meter_id is meter Acme's pings, which belongs to merchant Acme",
    ),
    Defect(
        "A13",
        "a lot ends with a cycle that does not exist",
        """
        UPDATE ledger_grant SET cycle_id = '00000000-0000-0000-0000-000000000000'
        WHERE customer_id = %(cleo)s AND origin = 'cycle' AND remaining = 10
        """,
        "grant cleo's Starter of 15 March/grant",
        "its cycle_id is cycle cyc_test_00000000000000000000000000, which does not exist",
    ),
    Defect(
        "A13",
        "a rollup is of a merchant who does not exist",
        """
        INSERT INTO requests_hourlyrollup (merchant_id, customer_id, hour_at, meter_id, provider, model, requests,
            requests_without_cost, tokens, characters, seconds, cost, charge)
        SELECT '00000000-0000-0000-0000-000000000000', customer_id, hour_at, meter_id, '', '', 0, 0, 0, 0, 0, 0, 0
        FROM requests_hourlyrollup WHERE customer_id = %(cleo)s
        """,
        "hourly rollup cleo/2026-01-15 12:00:00+00/Umbrella's tokens//",
        "it is of merchant 00000000-0000-0000-0000-000000000000, who does not exist",
    ),
    Defect(
        "A16",
        "credits moved for a reason that has no counter-account",
        "UPDATE ledger_ledgerentry SET kind = 'gift' WHERE kind = 'grant_promotional'",
        "journal in USD",
        "5 was moved by entries of a kind that has no counter-account",
    ),
    Defect(
        "A16",
        "half of a transfer is booked as something else",
        "UPDATE ledger_ledgerentry SET kind = 'adjustment' WHERE kind = 'deficit_paid' AND amount < 0",
        "journal in USD",
        "transfers between customers' own lots sum to 1.8 instead of zero",
    ),
    Defect(
        "A16",
        "an entry is in another currency than its balance",
        "UPDATE ledger_ledgerentry SET currency = 'EUR' WHERE customer_id = %(cleo)s AND kind = 'usage'",
        "journal in EUR",
        "it owes customers -0.2, but their balances sum to 0",
    ),
]


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_it_is_found(book: Book, defect: Defect) -> None:
    names = book.names()
    with unlocked_ledger(), connection.cursor() as cursor:
        cursor.execute(defect.seed, book.ids())
        assert cursor.rowcount, "nothing was seeded"

    found = run_audit(at=AUDITED_AT).differences

    own = [difference for difference in found if difference.invariant == defect.invariant]
    said = [(readable(difference.subject, names), readable(difference.message, names)) for difference in own]
    assert (defect.subject, defect.message) in said
    assert {difference.invariant for difference in found} == {defect.invariant, *defect.also.split()}
