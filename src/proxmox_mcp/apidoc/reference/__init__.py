"""Endpoints as text: parameters, privileges, answers."""

__all__ = ["endpoint", "parameters", "privileges"]
