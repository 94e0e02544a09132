"""What values look like, so that every example in the API's description tells one story.

Acme sells a writing assistant: the plan Team, the meter `chat` at $2 per million tokens, the customer Ada.
"""

from __future__ import annotations

from typing import Any, Final

from apps.core.rest.samples import sample_of

NOON: Final = "2026-03-01T12:00:00Z"

# By field, or by component and field where one name means several things.
VALUES: Final[dict[str, Any]] = {
    "amount": "5.0000000000",
    "auto_top_up_bundle_id": "cb_test_01KJN4R7C9HXT2M4P6W8Y0A1BD",
    "available": "7.4860000000",
    "balance_after": "7.4860000000",
    "balance_before": "10.0000000000",
    "billing_interval": "month",
    "bundle_remaining": "0.0000000000",
    "bundle_rollover_type": "full",
    "cancelled_at": None,
    "code": "invalid_request",
    "cost": "0.0410000000",
    "created_at": NOON,
    "credit_amount": "25.0000000000",
    "credit_bundle_id": "cb_test_01KJN4R7C9HXT2M4P6W8Y0A1BD",
    "currency": "USD",
    "customer_id": "con_test_01KJN4T2V5R8ZK0C3F6H9M1Q4W",
    "cycle_end_at": "2026-04-01T12:00:00Z",
    "cycle_remaining": "7.4860000000",
    "cycle_start_at": NOON,
    "date": "2026-03-01",
    "default_auto_top_up_bundle_id": "cb_test_01KJN4R7C9HXT2M4P6W8Y0A1BD",
    "deficit": "0.0000000000",
    "deleted": True,
    "effective_at": "2026-04-01T12:00:00Z",
    "email": "ada@example.com",
    "end": "2026-03-01T23:59:59Z",
    "endpoint": "POST /v1/requests",
    "expires_at": None,
    "first_name": "Ada",
    "grant_id": "grt_test_01KJN4T2V6B9D1G4J7N0S3X5ZA",
    "has_more": False,
    "held": "0.0000000000",
    "id": "prd_test_01KJN4Q8E3T6Y9B2D5G8K1N4RV",
    "included_credit": "10.0000000000",
    "kind": "usage",
    "last_name": "Lovelace",
    "last_used_at": NOON,
    "ledger_entry_id": "ent_test_01KJN4X9A2C5F8J1M4Q7T0W3ZE",
    "message": "meter_slugg: Unknown field; did you mean 'meter_slug'?",
    "merchant_id": "mer_test_01KJN4P3D6G9K2N5R8V1Y4B7CF",
    "meter_id": "prd_test_01KJN4Q8E3T6Y9B2D5G8K1N4RV",
    "meter_slug": "chat",
    "model": "gpt-5-mini",
    "next_cursor": None,
    "origin": "cycle",
    "percentage_of": "markup",
    "period_amount": "0.0000000000",
    "phone": "+14155552671",
    "plan_id": "sub_test_01KJN4RJ5M8P1S4V7Y0B3D6GHK",
    "provider": "openai",
    "provider_key_type": "unmanaged",
    "quantity": 1257000,
    "rate": "2.0000000000",
    "rate_type": "fixed",
    "rate_version": 1,
    "reason": "",
    "reference_id": "user-7",
    "remaining": "5.0000000000",
    "request_id": "run-2041",
    "response_id": "chatcmpl-9f3b",
    "rollover_cap": None,
    "rollover_type": "none",
    "secret_key": "aks_test_…",
    "secret_key_hint": "7Qmx",
    "secret_key_id": "sk_test_01KJN4Q0B0E5QZ8D2W7V9XK3MS",
    "seq": 2,
    "start": "2026-03-01T00:00:00Z",
    "started_at": NOON,
    "status": "active",
    "subscription_id": "asub_test_01KJN4T2V5Z1C4E7H0K3N6R9TX",
    "success": True,
    "tier_mode": "graduated",
    "tier_type": "tokens_1m",
    "timestamp": NOON,
    "token_basis": "input+output",
    "total_charge": "2.5140000000",
    "total_cost": "0.0410000000",
    "total_remaining": "7.4860000000",
    "total_requests": 1,
    "total_requests_without_cost": 0,
    "total_usage_tokens": 1257000,
    "type": "tokens_1m",
    "used_before": 0,
    "version": 1,
    "voided_at": None,
    "ErrorDetail.status": 400,
    "BalanceOutput.balance": "7.4860000000",
    "BatchItemOutput.status": 201,
    "BreakdownLineOutput.characters": 0,
    "BreakdownLineOutput.cost": "2.5140000000",
    "BreakdownLineOutput.seconds": 0,
    "BreakdownLineOutput.tokens": 1257000,
    "BreakdownTierOutput.start": 0,
    "BundleOutput.cost": "20.0000000000",
    "BundleOutput.name": "Refill",
    "BundleSummary.cost": "20.0000000000",
    "BundleSummary.name": "Refill",
    "ChargeOutput.amount": "2.5140000000",
    "CustomerOutput.metadata": {"team": "research"},
    "DrawOutput.amount": "2.5140000000",
    "EstimatedDrawOutput.amount": "2.5140000000",
    "GrantOutput.origin": "promotional",
    "GrantOutput.reason": "Sorry for the outage",
    "LedgerEntryOutput.actor": "system",
    "LedgerEntryOutput.amount": "-2.5140000000",
    "LinkedMeterOutput.name": "Chat",
    "MeterOutput.name": "Chat",
    "ModelUsageOutput.input_characters": 0,
    "ModelUsageOutput.input_cost": "0.0290000000",
    "ModelUsageOutput.input_seconds": 0,
    "ModelUsageOutput.input_tokens": 845000,
    "ModelUsageOutput.output_characters": 0,
    "ModelUsageOutput.output_cost": "0.0120000000",
    "ModelUsageOutput.output_seconds": 0,
    "ModelUsageOutput.output_tokens": 412000,
    "ModelUsageOutput.total_characters": 0,
    "ModelUsageOutput.total_seconds": 0,
    "ModelUsageOutput.total_tokens": 1257000,
    "NewSecretKeyOutput.last_used_at": None,
    "NewSecretKeyOutput.name": "Production worker",
    "PendingChangeOutput.type": "cancellation",
    "PlanOutput.name": "Team",
    "PlanTermsOutput.name": "Team",
    "RateTierOutput.start": 0,
    "RequestOutput.metadata": {"user_id": "7"},
    "RequestOutput.status": "completed",
    "SecretKeyOutput.name": "Production worker",
    "SubscriptionSummary.name": "Team",
    "TierOutput.start": 0,
}

# Left out of samples: what is there in some answers only.
ABSENT: Final = {"BatchItemOutput.error", "BreakdownLineOutput.requests"}


def add_examples(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Give every field of an answer its example, and every answer one that is made of them."""
    components = result["components"]["schemas"]
    for name, component in components.items():
        if name.endswith(("Output", "Summary", "Page", "Detail")):
            _fill(name, component)
    for methods in result["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                content = answer["content"]["application/json"]
                if status.startswith("2") and "examples" not in content:
                    content["example"] = sample_of(content["schema"], components)
    return result


def _fill(name: str, component: dict[str, Any]) -> None:
    for field, schema in component["properties"].items():
        key = f"{name}.{field}"
        if key in ABSENT:
            schema["x-absent-from-samples"] = True
        elif "$ref" not in schema and "allOf" not in schema and schema.get("type") != "array":
            schema["example"] = VALUES[key] if key in VALUES else VALUES[field]
