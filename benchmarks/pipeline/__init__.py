"""Time per tile of the whole pipeline, in process, without HTTP."""
