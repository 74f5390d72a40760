"""How a person says yes to exactly one statement."""

__all__ = [
    "approvals",
    "confirmations",
    "freezes",
    "grants",
    "operators",
    "statement",
    "subjects",
    "waiting",
]
