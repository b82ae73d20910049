"""The smallest app with a voice."""
