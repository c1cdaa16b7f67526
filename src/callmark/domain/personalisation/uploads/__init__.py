"""Uploaded files of call records: read, previewed, submitted as batches, reported row by row."""
