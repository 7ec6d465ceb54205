"""The only place that knows all rooms: which step runs when."""
