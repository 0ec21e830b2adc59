"""Tiles that applications embed: `/tiles/{collection}/{style}/{grid}/{z}/{x}/{y}` and TileJSON."""
