"""Numba kernels: leaves of the import graph, each with a NumPy twin in tests."""
