"""The whole public API. A `reference_id` or `request_id` may hold a slash, so those two take whole paths."""

from django.urls import path, re_path

from apps.core.rest.errors import unknown_route
from apps.core.rest.openapi import api_reference, openapi_schema
from apps.merchants import api as merchants
from apps.meters import api as meters
from apps.plans import api as plans
from apps.requests import api as requests
from apps.requests import credits_api
from apps.subscriptions import api as subscriptions
from apps.subscriptions import customers_api as customers

urlpatterns = [
    path("customers", customers.Customers.as_view()),
    path("customers/<path:customer_id>/subscription", customers.CustomersSubscription.as_view()),
    path("customers/<path:customer_id>/balance", credits_api.CustomersBalance.as_view()),
    path("customers/<path:customer_id>/ledger", credits_api.CustomersLedger.as_view()),
    path("customers/<path:customer_id>/grants", credits_api.CustomersGrants.as_view()),
    path("customers/<path:customer_id>", customers.OneCustomer.as_view()),
    path("requests", requests.Requests.as_view()),
    path("requests/batch", requests.RequestBatch.as_view()),
    path("requests/estimate", requests.RequestEstimate.as_view()),
    path("requests/<path:request_id>/receipt", requests.RequestReceipt.as_view()),
    path("requests/<path:request_id>/void", requests.RequestVoid.as_view()),
    path("requests/<path:request_id>", requests.OneRequest.as_view()),
    path("usage", requests.Usage.as_view()),
    path("meters", meters.Meters.as_view()),
    path("meters/<str:meter_id>", meters.OneMeter.as_view()),
    path("plans", plans.Plans.as_view()),
    path("plans/<str:plan_id>", plans.OnePlan.as_view()),
    path("credit_bundles", plans.CreditBundles.as_view()),
    path("credit_bundles/<str:credit_bundle_id>", plans.OneCreditBundle.as_view()),
    path("subscriptions", subscriptions.Subscriptions.as_view()),
    path("subscriptions/<str:subscription_id>", subscriptions.OneSubscription.as_view()),
    path("secret_keys", merchants.SecretKeys.as_view()),
    path("secret_keys/<str:secret_key_id>", merchants.OneSecretKey.as_view()),
    path("openapi.json", openapi_schema, name="openapi"),
    path("docs", api_reference, name="api-docs"),
    re_path("", unknown_route),
]
