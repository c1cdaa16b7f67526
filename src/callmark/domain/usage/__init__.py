"""What an account uses of its limits, over all things that have any."""
