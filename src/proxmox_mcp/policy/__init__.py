"""Who may do what: callers, rules, limits, and the effects they are judged by."""

__all__ = [
    "call",
    "caller",
    "callers",
    "effects",
    "limits",
    "policy",
    "policy_file",
    "predicates",
    "rules",
    "shared_limits",
    "stored_callers",
    "values",
]
