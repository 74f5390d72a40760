"""The pages, a module each: what it shows, and what its forms do."""

__all__ = [
    "activity",
    "approvals",
    "callers",
    "changes",
    "connect",
    "events",
    "grants",
    "overview",
    "signing_in",
    "stopping",
    "tasks",
]
