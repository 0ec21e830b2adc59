"""ESA WorldCover: land cover of the world at 10 m, 2020 and 2021."""
