"""PCM arithmetic. Pure."""
