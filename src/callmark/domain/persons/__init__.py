"""What the installation keeps about a phone number: exported for its person, and erased."""
