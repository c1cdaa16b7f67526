"""With what calls are signed, and whom we trust: certificates of accounts, their keys, and roots."""
