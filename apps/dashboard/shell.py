"""What stands in the sidebar, and in which order."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from apps.merchants.acting import may_do
from apps.merchants.roles import Right

# (group, [(title, icon, name of its page, right needed to see it)])
Entry = tuple[str, str, str, Right | None]

GROUPS: Final[tuple[tuple[str, tuple[Entry, ...]], ...]] = (
    (
        "Monitor",
        (
            ("Overview", "monitoring", "admin:index", None),
            ("Requests", "receipt_long", "admin:requests_meteredrequest_changelist", None),
            ("Customers", "group", "admin:customers_customer_changelist", None),
            ("Subscriptions", "autorenew", "admin:subscriptions_subscription_changelist", None),
            ("Ledger", "account_balance", "admin:ledger_ledgerentry_changelist", None),
        ),
    ),
    (
        "Monetize",
        (
            ("Plans", "sell", "admin:plans_plan_changelist", None),
            ("Meters", "speed", "admin:meters_meter_changelist", None),
            ("Credit bundles", "redeem", "admin:plans_creditbundle_changelist", None),
        ),
    ),
    (
        "Developers",
        (
            ("API keys", "key", "admin:merchants_secretkey_changelist", Right.MANAGE_KEYS),
            ("API reference", "menu_book", "api-docs", None),
        ),
    ),
    ("Settings", (("Team", "badge", "admin:merchants_member_changelist", None),)),
)
PLATFORM: Final[Entry] = ("Merchants", "storefront", "admin:merchants_merchant_changelist", None)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar, for what this person may see."""
    groups = [
        {"title": title, "items": [_item(entry) for entry in entries if _is_visible(request, entry)]}
        for title, entries in GROUPS
    ]
    if getattr(request.user, "is_superuser", False):
        groups.append({"title": "Platform", "items": [_item(PLATFORM)]})
    return groups


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """What a person may do about their own account."""
    return [
        {"title": "Change password", "link": reverse("account_change_password")},
        {"title": "Two-factor and passkeys", "link": reverse("mfa_index")},
    ]


def _is_visible(request: HttpRequest, entry: Entry) -> bool:
    right = entry[3]
    return right is None or may_do(request, right)


def _item(entry: Entry) -> dict[str, Any]:
    title, icon, page, _ = entry
    return {"title": title, "icon": icon, "link": reverse(page)}


def icon(request: HttpRequest) -> str:
    """The address of the icon in the browser's tab."""
    return static("lava/icon.svg")


def palette(request: HttpRequest) -> str:
    """The address of the colours and sizes that all pages share."""
    return static("lava/tokens.css")


def stylesheet(request: HttpRequest) -> str:
    """The address of the dashboard's own stylesheet."""
    return static("lava/dashboard.css")


def script(request: HttpRequest) -> str:
    """The address of the dashboard's own script."""
    return static("lava/dashboard.js")
