"""TiTiler's routes over our own engine, for addresses on an allow-list."""
