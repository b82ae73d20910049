"""The wire protocol between page and server: events, codec, binary frames. No I/O."""
