"""What operators see of all sessions: latencies, counters, exposition. Never what was said."""
