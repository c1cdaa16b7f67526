"""What leaves the installation: requests to addresses that others name, mails, and pushes to sleeping apps."""
