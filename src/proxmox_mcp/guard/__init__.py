"""What may be done, by whom, and after which confirmation; decided on resolved endpoints, never on spellings."""
