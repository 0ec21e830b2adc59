"""What capabilities documents of large catalogues cost: `scripts/bench capabilities`."""
