"""Log downloads: files made of the event log."""
