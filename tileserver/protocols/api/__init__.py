"""JSON for the browser page: what there is to see, and when."""
