"""Realtime speech providers behind one small port (`base`)."""
