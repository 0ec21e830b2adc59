"""WCS 2.0.1 (OGC 09-110r4) with its bindings and extensions."""

VERSION = "2.0.1"
