"""What our own routes, under `/extensions/v1`, have in common: extensions, management API and operator API."""
