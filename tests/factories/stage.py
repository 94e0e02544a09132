"""A merchant with one of everything, and every route of the API with the ids to call it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lava.api_urls import urlpatterns
from tests.factories.callers import Api

Route = tuple[str, str]
"""("PATCH", "/meters/{meter_id}")"""


@dataclass(frozen=True)
class Stage:
    """Whose stage it is, and the ids of what stands on it, by the name that paths use."""

    api: Api
    ids: dict[str, str]
    bodies: dict[Route, Any] = field(default_factory=dict)

    def path(self, route: Route) -> str:
        """The route's address with this stage's ids."""
        return route[1].format(**self.ids)


def all_routes() -> list[Route]:
    """Every method of every route that needs a key."""
    return [
        (method.upper(), "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern)))
        for pattern in urlpatterns
        if (view := getattr(pattern.callback, "view_class", None))
        for method in view.http_method_names
        if hasattr(view, method) and method != "options"
    ]


def set_stage(api: Api) -> Stage:
    """Make one of everything, over the API."""
    meter = _made(api, "/meters", METER)
    plan = _made(api, "/plans", PLAN | {"meter_ids": [meter["meter_id"]]})
    customer = _made(api, "/customers", CUSTOMER)
    subscription = _made(api, "/subscriptions", {"customer_id": customer["customer_id"], "plan_id": plan["plan_id"]})[
        "subscription"
    ]
    request = _made(api, "/requests", USAGE | {"customer_id": customer["customer_id"]})
    key = _made(api, "/secret_keys", {"name": "Spare"})
    ids = {
        "meter_id": meter["meter_id"],
        "plan_id": plan["plan_id"],
        "credit_bundle_id": plan["credit_bundles"][0]["credit_bundle_id"],
        "customer_id": customer["customer_id"],
        "subscription_id": subscription["subscription_id"],
        "request_id": request["request_id"],
        "secret_key_id": key["secret_key_id"],
    }
    return Stage(api, ids, dict(_bodies(ids)))


METER = {
    "name": "Tokens",
    "rate_type": "fixed",
    "tier_type": "tokens_1m",
    "meter_slug": "chat",
    "tiers": [{"start": "0", "rate": "2"}],
}
BUNDLE = {"name": "Small", "cost": "5.00", "credit_amount": "6"}
PLAN = {
    "name": "Team",
    "period_amount": "0",
    "billing_interval": "month",
    "included_credit": "10",
    "credit_bundles": [BUNDLE],
    "default_auto_top_up_bundle_index": 0,
}
CUSTOMER = {"reference_id": "user-7", "name": "Ada Lovelace", "email": "ada@example.com", "phone": "+14155552671"}
USAGE = {"request_id": "run-1", "meter_slug": "chat", "input_tokens": 1000, "metadata": {"user": "7"}}


def _bodies(ids: dict[str, str]) -> Iterator[tuple[Route, Any]]:
    """A good body for every route that takes one; what names something names what stands on the stage."""
    usage = {"customer_id": ids["customer_id"], "meter_slug": "chat", "output_tokens": 7}
    yield ("POST", "/meters"), METER | {"meter_slug": "talk"}
    yield ("PATCH", "/meters/{meter_id}"), {"name": "Words", "tiers": [{"start": "0", "rate": "3"}]}
    yield ("POST", "/plans"), PLAN | {"meter_ids": [ids["meter_id"]]}
    yield (
        ("PATCH", "/plans/{plan_id}"),
        {
            "name": "Squad",
            "included_credit": "20",
            "meter_ids": [ids["meter_id"]],
            "credit_bundles": [{"credit_bundle_id": ids["credit_bundle_id"], "cost": "4.00"}],
        },
    )
    yield ("POST", "/customers"), CUSTOMER | {"reference_id": "user-8"}
    yield ("PATCH", "/customers/{customer_id}"), {"name": "Ada Byron", "metadata": {"team": 1}}
    yield ("POST", "/customers/{customer_id}/grants"), {"amount": "5", "reason": "Sorry"}
    yield ("POST", "/subscriptions"), {"customer_id": ids["customer_id"], "plan_id": ids["plan_id"]}
    yield ("PATCH", "/subscriptions/{subscription_id}"), {"auto_top_up_bundle_id": ids["credit_bundle_id"]}
    yield ("POST", "/requests"), usage | {"request_id": "run-2"}
    yield ("POST", "/requests/batch"), {"requests": [usage | {"request_id": "run-3"}]}
    yield ("POST", "/requests/estimate"), usage
    yield ("POST", "/requests/{request_id}/void"), {"reason": "Sent twice"}
    yield ("POST", "/secret_keys"), {"name": "Another"}


def _made(api: Api, path: str, body: Any) -> Any:
    answer = api.post(path, body)
    assert answer.status == 201, (path, answer.body)
    return answer.body
