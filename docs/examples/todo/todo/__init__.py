"""A to-do list that is driven by voice."""
