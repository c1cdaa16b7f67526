"""Call personalisation: call records and batches, from acceptance to outcome."""
