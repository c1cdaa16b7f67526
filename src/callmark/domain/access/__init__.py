"""Who may do what: use cases for people, each checked, done and written to the audit log."""
