"""Coverages of several sizes, beside other servers."""
