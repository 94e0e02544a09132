"""`POST /v1/requests` has two doors, the hot lane and Django: they answer alike, byte for byte, good or bad.

Every body here goes through both. Each door starts from the same rows, at the same moment, and what it did is
taken back before the other one is asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.core import clock
from apps.customers.models import Customer
from apps.ledger.models import Balance, LedgerEntry
from apps.merchants.models import Merchant
from apps.merchants.secret_keys import create_secret_key, generate, revoke_secret_key
from apps.meters.rules.pricing import RateType
from apps.meters.rules.usage import TierType
from apps.requests.lane import Lane, answer_together
from apps.requests.models import HourlyRollup, MeterCounter, MeteredRequest
from tests.factories.catalogue import make_meter, make_plan, tier
from tests.factories.people import make_customer

TRANSCRIPTS = Path(__file__).parents[1] / "providers" / "transcripts"
WRITTEN_BY_A_CHARGE = (MeteredRequest, LedgerEntry, HourlyRollup, MeterCounter)


# --- The doors -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came back, as it was on the wire."""

    status: int
    content_type: str
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.body, parse_float=Decimal)
        return decoded

    @property
    def code(self) -> str:
        """The code of its error object."""
        [(name, error)] = self.json.items()
        assert name == "error"
        assert set(error) == {"message", "code", "status"}
        assert error["status"] == self.status
        assert error["message"]
        return str(error["code"])


Headers = Mapping[str, str]
Door = Callable[[bytes, Headers], Answer]


def through_the_lane(body: bytes, headers: Headers) -> Answer:
    parts = [body[start : start + 65_536] for start in range(0, len(body), 65_536)] or [b""]
    received = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "path": "/v1/requests",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
    }

    answer = in_the_tests_transaction(answer_together)

    async def pass_through() -> None:
        lane = Lane(answer)
        lane.start()
        await lane(scope, receive, send)

    asyncio.run(pass_through())
    start, rest = sent
    answered = dict(start["headers"])
    assert int(answered[b"content-length"]) == len(rest["body"])
    return Answer(start["status"], answered[b"content-type"].decode(), rest["body"])


def in_the_tests_transaction(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`answer`, over the connection of this thread in whatever thread it is called."""
    shared = connections["default"]

    def shares(posts: Any) -> Any:
        connections["default"] = shared
        return answer(posts)

    return shares


def through_django(body: bytes, headers: Headers) -> Answer:
    response = Client().post("/v1/requests", body, content_type="application/json", headers=dict(headers))
    return Answer(response.status_code, response["content-type"], response.content)


DOORS: Sequence[Door] = (through_the_lane, through_django)


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@dataclass
class Acme:
    """A merchant's application, at both doors at once."""

    merchant: Merchant
    key: str

    def post(self, *bodies: bytes, headers: Headers | None = None) -> Answer:
        """What the last of these bodies is answered: the same by both doors, and stored unless it is refused."""
        if headers is None:
            headers = {"Authorization": f"Bearer {self.key}"}
        lane, django = (self._ask(door, bodies, headers) for door in DOORS)
        assert lane == django
        return lane

    def _ask(self, door: Door, bodies: Sequence[bytes], headers: Headers) -> Answer:
        with taken_back():
            for body in bodies[:-1]:
                assert door(body, headers).status == 201
            before = self.written()
            answer = door(bodies[-1], headers)
            assert (self.written() == before) == (answer.status != 201)
            return answer

    def written(self) -> list[object]:
        counts = [model.objects.for_merchant(self.merchant).count() for model in WRITTEN_BY_A_CHARGE]
        return [counts, list(Balance.objects.for_merchant(self.merchant).order_by("customer_id").values())]


@pytest.fixture
def api(acme, at, monkeypatch) -> Iterator[Acme]:
    monkeypatch.setattr(clock, "now", lambda: at)
    connections["default"].inc_thread_sharing()
    yield Acme(acme, create_secret_key(merchant=acme, name="API", at=at)[1])
    connections["default"].dec_thread_sharing()


@pytest.fixture(autouse=True)
def minutes(acme, at):
    """$0.10 a minute."""
    return make_meter(
        acme, at=at, name="Minutes", slug="minutes", tier_type=TierType.MINUTES, tiers=(tier("0", "0.1"),)
    )


@pytest.fixture(autouse=True)
def markup(acme, at):
    """The provider's cost and 20 % on top."""
    return make_meter(
        acme, at=at, name="Markup", slug="markup", rate_type=RateType.PERCENTAGE, tiers=(tier("0", "20"),)
    )


@pytest.fixture
def everything(acme, tokens, minutes, markup, at):
    return make_plan(acme, meters=[tokens, minutes, markup], at=at, name="Everything")


@pytest.fixture
def ada(acme, everything, at) -> Customer:
    return make_customer(acme, plan=everything, name="Ada", reference_id="ada", at=at)


def body(customer: Customer | str, /, without: Sequence[str] = (), **fields: Any) -> bytes:
    """A report of 700 tokens, with some fields changed."""
    whole = {
        "request_id": "r1",
        "customer_id": customer if isinstance(customer, str) else customer.public_id,
        "meter_slug": "tokens",
        "input_tokens": 500,
        "output_tokens": 200,
    } | fields
    return json.dumps({name: value for name, value in whole.items() if name not in without}).encode()


def with_literal(customer: Customer, field: str, literal: str) -> bytes:
    """The same, with a value that Python's JSON would not write."""
    return body(customer, **{field: "LITERAL"}).replace(b'"LITERAL"', literal.encode("utf-8", "surrogatepass"))


def short(literal: object) -> str:
    return repr(literal)[:30]


def transcript(name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((TRANSCRIPTS / f"{name}.json").read_text())
    return answer


# --- What is charged -----------------------------------------------------------------------------


def test_a_report_is_charged_and_answered_with_the_request(api, ada, tokens):
    answer = api.post(body(ada, metadata={"user_id": "ü 1"}))
    assert (answer.status, answer.content_type) == (201, "application/json")
    told = answer.json
    assert told["customer_id"] == ada.public_id
    assert told["meter_id"] == tokens.public_id
    assert told["model_usage"]["total_tokens"] == 700
    assert told["cost"] is None
    assert told["charge"] == {
        "amount": "0.0014000000",
        "rate_type": "fixed",
        "breakdown": [
            {
                "tier": {"start": 0, "rate": "2", "type": "tokens_1m"},
                "tokens": 700,
                "characters": 0,
                "seconds": 0,
                "cost": "0.0014000000",
            }
        ],
    }
    assert told["metadata"] == {"user_id": "ü 1"}
    assert told["created_at"] == "2026-01-15T12:00:00Z"


@pytest.mark.parametrize(
    ("fields", "charge"),
    [
        ({"customer_id": "ada"}, "0.0014000000"),
        ({"input_tokens": 0, "output_tokens": 0}, "0.0000000000"),
        ({"input_tokens": None}, "0.0004000000"),
        ({"input_tokens": 10**9}, "2000.0004000000"),
        ({"request_id": "été/ 1"}, "0.0014000000"),
        ({"request_id": "r" * 255}, "0.0014000000"),
        ({"meter_slug": "minutes", "input_seconds": 100, "output_seconds": 0.5}, "0.1675000000"),
        ({"meter_slug": "markup", "cost": "0.05"}, "0.0600000000"),
        ({"meter_slug": "markup", "cost": 0.05}, "0.0600000000"),
        ({"meter_slug": "markup", "cost": "0"}, "0.0000000000"),
        ({"metadata": {f"key_{n}": "v" * 255 for n in range(100)}}, "0.0014000000"),
    ],
)
def test_what_is_charged(api, ada, fields, charge):
    answer = api.post(body(ada, **fields))
    assert (answer.status, answer.json["charge"]["amount"]) == (201, charge)


def test_usage_beyond_the_credits_is_charged(api, ada):
    assert api.post(body(ada, input_tokens=6_000_000), body(ada, request_id="r2")).status == 201


def test_a_cycle_that_is_over_renews_first(api, ada, at, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: at + timedelta(days=45))
    assert api.post(body(ada)).json["created_at"] == "2026-03-01T12:00:00Z"


def test_a_known_model_has_a_cost_by_the_price_list(api, ada):
    told = api.post(body(ada, provider="openai", model="gpt-4o", input_tokens=1_000_000, output_tokens=0)).json
    assert (told["provider"], told["model"]) == ("openai", "gpt-4o")
    assert told["cost"] == told["model_usage"]["total_cost"] == "2.5000000000"


def test_a_cost_that_is_given_wins_over_the_price_list(api, ada):
    told = api.post(body(ada, provider="openai", model="gpt-4o", cost="0.0169")).json
    assert told["cost"] == "0.0169000000"


def test_an_unknown_model_leaves_the_cost_unknown_and_never_zero(api, ada):
    told = api.post(body(ada, provider="acme", model="acme-9000")).json
    assert (told["model"], told["cost"], told["model_usage"]["total_cost"]) == ("acme-9000", None, None)


# --- A provider's own answer ---------------------------------------------------------------------

FORWARDED = [
    ("anthropic_web_search", "anthropic", "claude-sonnet-4-5-20250929", (16_083, 165)),
    ("deepseek_chat", "deepseek", "deepseek-v4-flash", None),
    ("gemini_tools", "google", "gemini-3-flash-preview", None),
    ("openai_chat_audio", "openai", "gpt-4o-audio-preview-2024-12-17", None),
    ("openai_responses_web_search", "openai", "gpt-5-2025-08-07", (43_902, 4_474)),
    ("openrouter_chat", "openrouter", "anthropic/claude-4.5-sonnet-20250929", None),
    ("cohere_chat", "cohere", "", None),
]


@pytest.mark.parametrize(("name", "provider", "model", "counts"), FORWARDED, ids=[one[0] for one in FORWARDED])
def test_usage_and_cost_are_read_out_of_a_forwarded_response(api, ada, name, provider, model, counts):
    forwarded = body(ada, without=["input_tokens", "output_tokens"], response=transcript(name))
    answer = api.post(forwarded)
    assert answer.status == 201
    told = answer.json
    assert (told["provider"], told["model"]) == (provider, model)
    used = told["model_usage"]
    assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"] > 0
    if counts is not None:
        assert (used["input_tokens"], used["output_tokens"]) == counts
    assert told["cost"] is None or Decimal(told["cost"]) > 0
    assert Decimal(told["charge"]["amount"]) == Decimal(used["total_tokens"]) * 2 / 1_000_000


def test_a_forwarded_response_of_an_unknown_model_has_no_cost(api, ada):
    response = transcript("deepseek_chat") | {"model": "never-heard-of-it"}
    forwarded = body(ada, without=["input_tokens", "output_tokens"], response=response)
    assert api.post(forwarded).json["cost"] is None
    percentage = body(ada, without=["input_tokens", "output_tokens"], response=response, meter_slug="markup")
    assert api.post(percentage).code == "cost_unknown"


def test_a_markup_is_taken_of_the_cost_in_a_forwarded_response(api, ada):
    forwarded = body(
        ada, without=["input_tokens", "output_tokens"], response=transcript("openrouter_chat"), meter_slug="markup"
    )
    told = api.post(forwarded).json
    assert (told["cost"], told["charge"]["amount"]) == ("0.0001020000", "0.0001224000")


@pytest.mark.parametrize(
    "named", [{}, {"provider": "deepseek", "model": "deepseek-v4-flash"}], ids=["unnamed", "named"]
)
@pytest.mark.parametrize(
    "said",
    [r'"a\u0000b"', r'"\ud83d\ude00"', '{"model": 1, "model": 2}', "[" * 40 + "]" * 40, "1e400", "9" * 200],
    ids=short,
)
def test_what_else_a_forwarded_response_says_does_not_matter(api, ada, said, named):
    response = transcript("deepseek_chat") | {"choices": "SAID"}
    whole = body(ada, without=["input_tokens", "output_tokens"], response=response, **named)
    answer = api.post(whole.replace(b'"SAID"', said.encode()))
    assert (answer.status, answer.json.get("model")) == (201, "deepseek-v4-flash")


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({}, "response_unreadable"),
        ({"usage": {}}, "response_unreadable"),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 1}, "choices": []}, "response_unreadable"),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 1}, "choices": []}, "response_unreadable"),
        ({"usage": {"prompt_tokens": 1e30, "completion_tokens": 1}, "choices": []}, "response_unreadable"),
        ([], "response_unreadable"),
        ("a text", "response_unreadable"),
    ],
)
def test_a_response_without_usage_is_refused(api, ada, response, code):
    assert api.post(body(ada, without=["input_tokens", "output_tokens"], response=response)).code == code


def test_a_response_and_usage_beside_it_is_refused(api, ada):
    assert api.post(body(ada, response=transcript("deepseek_chat"))).code == "invalid_request"


# --- Sent again ----------------------------------------------------------------------------------


def test_a_retry_gets_the_stored_request(api, ada):
    first = api.post(body(ada))
    again = api.post(body(ada), body(ada))
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body


@pytest.mark.parametrize(
    "change",
    [{"input_tokens": 501}, {"meter_slug": "minutes"}, {"cost": "1"}, {"model": "gpt-4o"}, {"customer_id": "ben"}],
)
def test_a_request_id_that_says_something_else_is_a_conflict(api, ada, everything, acme, at, change):
    make_customer(acme, plan=everything, reference_id="ben", at=at)
    answer = api.post(body(ada), body(ada, **change))
    assert (answer.status, answer.code) == (409, "request_id_conflict")


# --- Bad input -----------------------------------------------------------------------------------

COUNTS = ("input_tokens", "output_tokens", "input_characters", "output_characters")
SECONDS = ("input_seconds", "output_seconds")
TEXTS = ("request_id", "customer_id", "meter_slug", "provider", "model")
NOT_JSON = ("NaN", "Infinity", "-Infinity", "nan", "0x10", "01", "+1", ".5", "1.", "1e", "1_000", "१")
NOT_NUMBERS = ("true", "false", "[]", "{}", "[1]", '""', '"five"')
TOO_LARGE = ("1e30", "1" + "0" * 30, "9" * 4_000)
NOT_COUNTS = (*NOT_NUMBERS, *TOO_LARGE, '"5"', "1.5", "1.0", "1e3", "-1", "1000000000000001")
NOT_SECONDS = (*NOT_NUMBERS, *TOO_LARGE, "-1", "-0.5", "1e999999", "1e-999999", "0.0000001", '"NaN"', '"Infinity"')
NOT_COSTS = (*NOT_NUMBERS, *TOO_LARGE, "-1", "-0.0000000001", "1e999999", '"NaN"', '"-1"', '"sNaN"', '"1,5"')


@pytest.mark.parametrize("literal", NOT_JSON)
def test_what_only_looks_like_a_number_is_no_json(api, ada, literal):
    for field in (*COUNTS, *SECONDS, "cost"):
        answer = api.post(with_literal(ada, field, literal))
        assert (answer.status, answer.code) == (400, "invalid_json")


@pytest.mark.parametrize("literal", NOT_COUNTS, ids=short)
def test_a_count_is_a_whole_number(api, ada, literal):
    for field in COUNTS:
        answer = api.post(with_literal(ada, field, literal))
        assert (answer.status, answer.code) == (400, "invalid_request")


@pytest.mark.parametrize("literal", NOT_SECONDS, ids=short)
def test_seconds_are_a_number(api, ada, literal):
    for field in SECONDS:
        answer = api.post(with_literal(ada, field, literal))
        assert answer.status == 400
        assert answer.code in {"invalid_request", "usage_invalid"}


@pytest.mark.parametrize("literal", NOT_COSTS, ids=short)
def test_a_cost_is_an_amount(api, ada, literal):
    answer = api.post(with_literal(ada, "cost", literal))
    assert (answer.status, answer.code) == (400, "invalid_request")


@pytest.mark.parametrize("literal", ["5", "1.5", "true", "[]", "{}", r'"\u0000"', r'"a\u0000b"'])
def test_a_text_is_a_text(api, ada, literal):
    for field in TEXTS:
        answer = api.post(with_literal(ada, field, literal))
        assert (answer.status, answer.code) == (400, "invalid_request")


@pytest.mark.parametrize(
    "literal", [r'"\ud800"', r'"\udc00x"', r'"\ud800\ud800"', '"\ud800"', '"a\x00b"', '"a\nb"'], ids=ascii
)
def test_half_a_surrogate_pair_and_control_characters_are_no_json(api, ada, literal):
    for field in TEXTS:
        answer = api.post(with_literal(ada, field, literal))
        assert (answer.status, answer.code) == (400, "invalid_json")


@pytest.mark.parametrize("field", ["request_id", "customer_id", "meter_slug"])
def test_what_is_required_is_there_and_neither_empty_nor_endless(api, ada, field):
    for wrong in (body(ada, without=[field]), body(ada, **{field: None}), body(ada, **{field: ""})):
        assert api.post(wrong).code == "invalid_request"
    assert api.post(body(ada, **{field: "x" * 256})).code == "invalid_request"


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("output_token", "output_tokens"),
        ("Input_tokens", "input_tokens"),
        ("outputTokens", "output_tokens"),
        ("meter_id", "meter_slug"),
        ("customer", "customer_id"),
        ("idempotency_key", None),
        ("x\u2028y", None),
        ("", None),
    ],
)
def test_a_misspelt_or_unknown_field_is_an_error(api, ada, field, hint):
    answer = api.post(body(ada, **{field: 1}))
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert hint is None or f"'{hint}'" in answer.json["error"]["message"]


@pytest.mark.parametrize("field", ["input_tokens", "customer_id", "metadata", "response", "cost"])
def test_a_field_that_is_given_twice_is_an_error(api, ada, field):
    values = {"input_tokens": "7", "customer_id": '"ada"', "metadata": "{}", "response": "{}", "cost": '"1"'}
    twice = f'"{field}": {values[field]}, "{field}": {values[field]}'
    answer = api.post(body(ada, without=[field]).replace(b"{", b"{" + twice.encode() + b", ", 1))
    assert (answer.status, answer.code) == (400, "invalid_json")


@pytest.mark.parametrize("raw", [b"null", b"true", b"5", b'"text"', b"[]", b"[{}]", b"{}"])
def test_json_that_is_no_report_is_refused(api, ada, raw):
    answer = api.post(raw)
    assert (answer.status, answer.code) == (400, "invalid_request")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{'request_id': 'r1'}",
        b"request_id=r1&customer_id=ada",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"request_id": "\xff"}',
        b'{"request_id": "\xed\xa0\x80"}',
        b'{"request_id": "r1",}',
        b'{"request_id": "r1" /* why */}',
        b"\x00",
        b'{"response":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"response":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    ],
    ids=short,
)
def test_what_is_no_json_is_refused(api, ada, raw):
    answer = api.post(raw)
    assert (answer.status, answer.code) == (400, "invalid_json")


def test_two_reports_in_one_body_are_refused(api, ada):
    assert api.post(body(ada) + body(ada, request_id="r2")).code == "invalid_json"


@pytest.mark.parametrize("raw", [b'{"a":' * 100_000, b"[" * 1_000_000], ids=short)
def test_a_tower_of_brackets_is_survived(api, ada, raw):
    assert api.post(raw).code in {"invalid_json", "invalid_request"}


def test_deep_nesting_in_a_response_is_survived(api, ada):
    deep = b"[" * 100_000 + b"]" * 100_000
    whole = body(ada, without=["input_tokens", "output_tokens"], response="DEEP").replace(b'"DEEP"', deep)
    assert api.post(whole).code in {"invalid_json", "response_unreadable"}


@pytest.mark.parametrize("size", [settings.BODY_BYTES_MAX + 1, 2 * 1024 * 1024])
def test_a_body_that_is_too_large_is_refused(api, ada, size):
    answer = api.post(body(ada).ljust(size))
    assert (answer.status, answer.code) == (413, "body_too_large")


def test_the_largest_body_is_taken(api, ada):
    assert api.post(body(ada).ljust(settings.BODY_BYTES_MAX)).status == 201


@pytest.mark.parametrize(
    "metadata",
    [
        {f"key_{n}": "v" for n in range(101)},
        {"": "v"},
        {"k" * 256: "v"},
        {"a key": "v"},
        {"clé": "v"},
        {"k": ""},
        {"k": "v" * 256},
        {"k": "a\u0000b"},
        {"k\u0000": "v"},
    ],
    ids=short,
)
def test_metadata_over_its_limits_is_refused(api, ada, metadata):
    answer = api.post(body(ada, metadata=metadata))
    assert (answer.status, answer.code) == (400, "metadata_invalid")


@pytest.mark.parametrize("literal", ["[]", '"text"', "5", '{"k": 5}', '{"k": null}', '{"k": {}}', '{"k": true}'])
def test_metadata_is_a_map_of_texts(api, ada, literal):
    assert api.post(with_literal(ada, "metadata", literal)).code == "invalid_request"


# --- What is not there, or not theirs ------------------------------------------------------------


@pytest.mark.parametrize(
    "customer", ["nobody", "con_test_01K7ZZZZZZZZZZZZZZZZZZZZZZ", "con_", "con_test_", "con_live_x", "été"]
)
def test_an_unknown_customer_is_not_found(api, ada, customer):
    answer = api.post(body(customer))
    assert (answer.status, answer.code) == (404, "customer_not_found")


def test_a_neighbours_customer_and_meter_are_not_found(api, umbrella, at, ada):
    make_meter(umbrella, at=at, slug="theirs")
    ben = make_customer(umbrella, reference_id="ben", at=at)
    for theirs in (ben, "ben"):
        assert api.post(body(theirs)).code == "customer_not_found"
    answer = api.post(body(ada, meter_slug="theirs"))
    assert (answer.status, answer.code) == (404, "meter_not_found")


def test_the_live_merchant_is_a_neighbour_too(api, acme, ada, at):
    customer = make_customer(acme.live, reference_id="liv", at=at)
    for theirs in (customer, "liv"):
        assert api.post(body(theirs)).code == "customer_not_found"


def test_an_unknown_meter_is_not_found(api, ada):
    answer = api.post(body(ada, meter_slug="unheard-of"))
    assert (answer.status, answer.code) == (404, "meter_not_found")


def test_a_meter_that_is_not_on_the_plan_is_refused(api, acme, ada, at):
    make_meter(acme, at=at, slug="other")
    answer = api.post(body(ada, meter_slug="other"))
    assert (answer.status, answer.code) == (400, "meter_not_on_plan")


def test_a_percentage_of_an_unknown_cost_is_refused(api, ada):
    for unknown in (body(ada, meter_slug="markup"), body(ada, meter_slug="markup", model="acme-9000")):
        answer = api.post(unknown)
        assert (answer.status, answer.code) == (400, "cost_unknown")


def test_a_charge_beyond_what_the_books_can_hold_is_refused(api, ada):
    answer = api.post(body(ada, meter_slug="markup", cost="9999999999"))
    assert answer.status == 400
    assert answer.code in {"amount_too_large", "out_of_range"}


# --- Keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "auth_header_missing"),
        ("", "auth_header_missing"),
        ("   ", "auth_header_missing"),
        ("Bearer", "invalid_secret_key"),
        ("Bearer ", "invalid_secret_key"),
        ("Bearer aks_test_wrong", "invalid_secret_key"),
        ("Bearer \xe9\xff", "invalid_secret_key"),
        ("Basic YWRhOmFkYQ==", "invalid_secret_key"),
        ("{key}", "invalid_secret_key"),
        ("Bearer {key}x", "invalid_secret_key"),
        ("Bearer {key} {key}", "invalid_secret_key"),
        ("Bearer {unknown}", "invalid_secret_key"),
    ],
)
def test_without_a_good_key_nothing_is_recorded(api, ada, header, code):
    headers = {}
    if header is not None:
        headers = {"Authorization": header.format(key=api.key, unknown=generate(mode="test"))}
    answer = api.post(body(ada), headers=headers)
    assert (answer.status, answer.code) == (401, code)


@pytest.mark.parametrize("form", ["bearer {key}", "BEARER {key}", "Bearer   {key}", " Bearer {key} "])
def test_the_scheme_may_be_written_in_any_way(api, ada, form):
    assert api.post(body(ada), headers={"Authorization": form.format(key=api.key)}).status == 201


def test_a_revoked_key_is_refused(api, acme, ada, at):
    key, text = create_secret_key(merchant=acme, name="Old", at=at)
    headers = {"Authorization": f"Bearer {text}"}
    assert api.post(body(ada), headers=headers).status == 201
    revoke_secret_key(key=key, at=at + timedelta(minutes=1))
    assert api.post(body(ada), headers=headers).code == "invalid_secret_key"


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff"])
def test_who_has_no_key_learns_nothing_of_the_body(api, ada, raw):
    assert api.post(raw, headers={}).code == "auth_header_missing"


@pytest.mark.parametrize(
    "more",
    [{"Accept": "application/json"}, {"Content-Type": "text/plain"}, {"Idempotency-Key": "k"}, {"Cookie": "a=b"}],
    ids=repr,
)
def test_other_headers_change_nothing(api, ada, more):
    assert api.post(body(ada), headers={"Authorization": f"Bearer {api.key}"} | more).status == 201


# --- Whatever comes ------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(
    ["request_id", "customer_id", "meter_slug", *COUNTS, *SECONDS, "provider", "model", "cost", "response", "metadata"]
)


@given(
    changes=st.dictionaries(fields | st.text(max_size=10), values, max_size=4), raw=st.none() | st.binary(max_size=40)
)
@hypothesis_settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_both_doors_answer_anything_alike_and_never_with_an_error_of_their_own(api, ada, changes, raw):
    answer = api.post(body(ada, **changes) if raw is None else raw)
    assert answer.status in {200, 201, 400, 404, 409}
