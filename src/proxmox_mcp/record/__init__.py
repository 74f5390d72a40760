"""What is kept of calls: the audit log, and what is kept out of every text."""
