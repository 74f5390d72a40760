"""Real clients, installed and run against a real server on loopback: ``scripts/clients``."""
