"""`handle_events`."""
