"""Writing: collections and items by API, for those who hold the admin token."""
