"""Benchmarks: run by scripts/bench, results committed as JSON with machine facts."""
