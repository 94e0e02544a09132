"""The page on which the books are read. Nobody writes them by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from apps.core import display, markup
from apps.customers.admin_filter import CustomerFilter
from apps.ledger.kinds import RULES, Kind
from apps.ledger.models import LedgerEntry
from apps.ledger.wording import KIND_WORDS
from apps.merchants.scoped_admin import ScopedAdmin


class KindFilter(admin.SimpleListFilter):
    """Why credits moved."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, words.capitalize()) for kind, words in KIND_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ScopedAdmin):
    """Every movement of credits, as it was written."""

    section = "Ledger"
    empty_list = "Nothing has moved yet. Credits that are granted or used are written down here and stay."
    compressed_fields = True
    list_display = (
        "time",
        "customer_link",
        "kind_word",
        "amount_figure",
        "balance_figure",
        "lot",
        "reason_shown",
        "actor",
    )
    list_filter = (KindFilter, CustomerFilter)
    list_select_related = ("customer", "grant")
    ordering = ("-id",)
    paginator = InfinitePaginator
    fields = readonly_fields = (
        "shown_id",
        "timestamp",
        "customer_link",
        "seq",
        "kind_word",
        "exact_amount",
        "exact_balance",
        "counter_account",
        "lot",
        "reason",
        "actor",
        "idempotency_key",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("customer", "grant")

    def title_of(self, obj: LedgerEntry) -> str:
        moved = display.signed(display.charge(obj.amount, obj.currency), obj.amount)
        return f"{KIND_WORDS[Kind(obj.kind)]}, {moved}"

    @admin.display(description="Time")
    def time(self, entry: LedgerEntry) -> SafeString:
        return markup.moment(entry.created_at)

    @admin.display(description="Time")
    def timestamp(self, entry: LedgerEntry) -> SafeString:
        return markup.timestamp(entry.created_at)

    @admin.display(description="Id")
    def shown_id(self, entry: LedgerEntry) -> SafeString:
        return markup.copyable(entry.public_id, most=40)

    @admin.display(description="Customer")
    def customer_link(self, entry: LedgerEntry) -> SafeString:
        return markup.link(entry.customer, reverse("admin:customers_customer_change", args=[entry.customer_id]))

    @admin.display(description="Kind")
    def kind_word(self, entry: LedgerEntry) -> str:
        return KIND_WORDS[Kind(entry.kind)]

    @admin.display(description="Amount")
    def amount_figure(self, entry: LedgerEntry) -> SafeString:
        return markup.movement(entry.amount, entry.currency)

    @admin.display(description="Balance after")
    def balance_figure(self, entry: LedgerEntry) -> SafeString:
        return markup.balance(entry.balance_after, entry.currency)

    @admin.display(description="Amount")
    def exact_amount(self, entry: LedgerEntry) -> SafeString:
        return markup.exact(entry.amount, entry.currency)

    @admin.display(description="Balance after")
    def exact_balance(self, entry: LedgerEntry) -> SafeString:
        return markup.exact(entry.balance_after, entry.currency)

    @admin.display(description="Against")
    def counter_account(self, entry: LedgerEntry) -> str:
        return RULES[Kind(entry.kind)].counter_account.replace("_", " ")

    @admin.display(description="Lot")
    def lot(self, entry: LedgerEntry) -> str | SafeString:
        if entry.grant is None:
            return markup.pill("deficit", "wait")
        return f"{entry.grant.origin} of {entry.grant.created_at.day} {entry.grant.created_at:%b}"

    @admin.display(description="Why")
    def reason_shown(self, entry: LedgerEntry) -> str:
        return entry.reason or display.NOTHING
