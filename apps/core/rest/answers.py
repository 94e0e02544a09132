"""Answers that several routes give: that something is done, an error, a page of a list."""

from __future__ import annotations

from rest_framework import serializers

from apps.core.rest.serializers import Output


class SuccessOutput(Output):
    """That it was done."""

    success = serializers.BooleanField()


class DeletedOutput(Output):
    """That it was deleted."""

    id = serializers.CharField()
    deleted = serializers.BooleanField()


class ErrorDetail(Output):
    message = serializers.CharField(help_text="For people; the wording may change.")
    code = serializers.CharField(help_text="For programs; stable.")
    status = serializers.IntegerField(help_text="The HTTP status.")


class ErrorOutput(Output):
    """Why a request was refused. Nothing was stored."""

    error = ErrorDetail()
