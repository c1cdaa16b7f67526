"""Alerts: messages that the platform sends to a business without being asked, and their recipients."""
