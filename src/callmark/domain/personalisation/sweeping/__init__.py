"""Fails what its window has left pending."""
