"""Styles as resources: what there is, what each means, its legend."""
