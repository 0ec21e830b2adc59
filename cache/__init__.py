"""Ready tiles and blocks in byte-bounded storage under opaque keys."""
