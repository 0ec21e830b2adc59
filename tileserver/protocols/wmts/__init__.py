"""Web Map Tile Service (OGC 07-057r7): `service` finds the operation, `v10` does it."""
