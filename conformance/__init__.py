"""Runs the official OGC CITE suites against a server of this repository: `scripts/conformance`."""
