"""What a suspension of an account does to its open records."""
