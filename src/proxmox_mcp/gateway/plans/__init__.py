"""Plans: several writes that are checked, stated and confirmed together, and carried out by the server in order."""
