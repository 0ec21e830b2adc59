"""One endpoint for every key-value service: `/ows?SERVICE=...`."""
