"""Endpoints as text: parameters, privileges, answers."""
