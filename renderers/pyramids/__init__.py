"""Low zooms beside the files: levels kept on local disk in blocks of a size that suits maps."""
