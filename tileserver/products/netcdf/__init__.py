"""NetCDF-4 files whose variables lie on grids, or on swaths with geolocation arrays."""
