"""Cold tiles out of files far away."""
