"""Lists of batches and call records for people."""
