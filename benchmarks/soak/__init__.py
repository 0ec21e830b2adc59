"""Memory of a server that runs for long."""
