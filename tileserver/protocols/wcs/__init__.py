"""Web Coverage Service: values on grids."""

#: Versions that are offered, the newest first.
VERSIONS = ("2.0.1", "1.1.2", "1.1.1", "1.1.0", "1.0.0")
