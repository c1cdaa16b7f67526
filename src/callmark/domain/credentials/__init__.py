"""API keys, access tokens, and the admission of a request."""
