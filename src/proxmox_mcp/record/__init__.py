"""What is kept of calls: the audit log, and what is kept out of every text."""

__all__ = [
    "activity",
    "audit",
    "audit_file",
    "audit_verify",
    "chain",
    "changes",
    "changes_text",
    "differences",
    "one_time_secrets",
    "redaction",
    "secret_patterns",
    "snapshots_first",
    "syslog",
    "undo",
]
