"""A door to somebody else's server."""
