"""The first request for a formula that nobody has asked, beside those that follow."""
