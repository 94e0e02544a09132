"""Choices that explain themselves: radio buttons drawn as cards, each with a sentence on what it means."""

from __future__ import annotations

from typing import Any

from django import forms

Option = tuple[str, str, str]
"""(value, title, explanation)"""


class ChoiceCards(forms.RadioSelect):
    """Radio buttons that say what each choice means. Takes (value, title, explanation)."""

    template_name = "core/choice_cards.html"

    def __init__(self, options: tuple[Option, ...]) -> None:
        super().__init__(choices=[(value, title) for value, title, _ in options])
        self.explanations = {value: explanation for value, _, explanation in options}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        return {**option, "explanation": self.explanations.get(str(value), "")}


def choice(options: tuple[Option, ...], label: str, **values: Any) -> forms.ChoiceField:
    """A field of choices that explain themselves; the first is the default."""
    return forms.ChoiceField(
        label=label,
        choices=[(value, title) for value, title, _ in options],
        widget=ChoiceCards(options),
        initial=options[0][0],
        **values,
    )
