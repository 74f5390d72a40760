"""How a person says yes to exactly one statement."""
