"""Time and latency. Pure: the clock is injected, nothing here does I/O."""
