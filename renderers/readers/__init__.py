"""Readers: one folder or module per file format."""
