"""The words of the ledger in templates: `{{ entry.kind|kind_words }}`."""

from django import template

from apps.ledger.kinds import Kind
from apps.ledger.wording import KIND_WORDS

register = template.Library()


@register.filter
def kind_words(kind: str) -> str:
    """Why credits moved, in words."""
    return KIND_WORDS[Kind(kind)]
