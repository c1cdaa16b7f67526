"""The log of deliveries: looking into it, sending again, tests, and how a webhook does by it."""
