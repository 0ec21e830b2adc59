"""Recognise and describe products."""
