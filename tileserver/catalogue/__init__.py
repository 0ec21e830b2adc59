"""Stores and finds items."""
