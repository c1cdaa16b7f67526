"""Alerts: what the platform tells a business without being asked, and to whom."""
