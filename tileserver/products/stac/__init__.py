"""Other people's STAC items, collections and APIs."""
