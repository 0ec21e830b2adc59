"""Files that a client names by their address, and nobody has added to the catalogue."""
