"""CORINE Land Cover: land cover of Europe at 100 m in 44 classes, 1990 to 2018."""
