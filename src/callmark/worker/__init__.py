"""Claims due work and runs the domain's jobs."""
