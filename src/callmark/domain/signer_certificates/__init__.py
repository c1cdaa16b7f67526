"""What calls are signed with and which roots are trusted: certificates of accounts, their keys, and roots."""
