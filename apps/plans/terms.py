"""The words a plan is described with."""

from enum import StrEnum


class Interval(StrEnum):
    """How long a cycle of a plan is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class RolloverType(StrEnum):
    """What becomes of credits that a cycle leaves unused: all of them move on, or they expire."""

    FULL = "full"
    NONE = "none"
