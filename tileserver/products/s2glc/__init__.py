"""S2GLC: land cover of Europe at 10 m in 13 classes, 2017."""
