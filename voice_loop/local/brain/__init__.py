"""What the assistant answers: the port and its responders."""
