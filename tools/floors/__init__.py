"""What `make floors` runs."""
