"""Back to an earlier state of the installation: reset, and named snapshots."""
