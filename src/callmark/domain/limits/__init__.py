"""Rate limits: exact sliding windows (contract, sections 1.7 and D7)."""
