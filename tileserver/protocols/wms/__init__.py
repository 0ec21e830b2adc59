"""Web Map Service (OGC 06-042): `service` finds the operation, a folder per version does it."""
