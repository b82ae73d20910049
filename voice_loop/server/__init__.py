"""The only layer that knows ASGI: tickets, admission, the channel, the endpoint, the mount."""
