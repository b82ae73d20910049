"""Measurements: each program prints a table and writes JSON, with its floor from the same run."""
