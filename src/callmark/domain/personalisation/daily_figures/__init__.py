"""An account's figures by day: counted behind the pushing, read at once."""
