"""Landsat 4 to 9, Collection 2, Level-1 and Level-2 scenes with their MTL metadata."""
