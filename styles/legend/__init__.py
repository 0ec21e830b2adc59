"""Legends of styles: laid out once, then drawn as pixels, as SVG, or told as facts."""
