"""JPEG 2000 by byte ranges: boxes, codestream index, cut-out of single tiles."""
