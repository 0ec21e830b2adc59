"""One folder per protocol; handlers decode, call the pipeline, encode."""
