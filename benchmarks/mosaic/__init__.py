"""Pictures of many dates: what a tile costs by the number of dates."""
