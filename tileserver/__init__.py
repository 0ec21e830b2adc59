"""Web and wiring: settings, catalogue, pipeline, protocols, command line."""
