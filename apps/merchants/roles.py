"""What a member of a merchant's team may do."""

from enum import StrEnum


class Role(StrEnum):
    """From everything to looking only."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    SUPPORT = "support"
    FINANCE = "finance"
    VIEWER = "viewer"


class Right(StrEnum):
    """One kind of thing a role may do besides looking."""

    EDIT_CATALOGUE = "edit_catalogue"  # meters, plans, bundles
    EDIT_CUSTOMERS = "edit_customers"  # contacts, subscriptions
    MOVE_CREDITS = "move_credits"  # grants, adjustments, voids
    MANAGE_KEYS = "manage_keys"
    MANAGE_TEAM = "manage_team"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMIN: frozenset(Right),
    Role.DEVELOPER: frozenset({Right.EDIT_CATALOGUE, Right.EDIT_CUSTOMERS, Right.MANAGE_KEYS}),
    Role.SUPPORT: frozenset({Right.EDIT_CUSTOMERS, Right.MOVE_CREDITS}),
    Role.FINANCE: frozenset({Right.MOVE_CREDITS}),
    Role.VIEWER: frozenset(),
}


def may(role: str, right: Right) -> bool:
    """Whether this role has that right; an unknown role has none."""
    return any(role == known and right in rights for known, rights in RIGHTS.items())
