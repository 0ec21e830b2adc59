"""Our own reader of NetCDF-4 and HDF5 files: libhdf5 reads headers only, chunks are read here."""
