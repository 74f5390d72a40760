"""Who may do what: callers, rules, limits, and the effects they are judged by."""
