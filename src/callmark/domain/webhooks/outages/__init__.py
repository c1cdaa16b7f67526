"""How long a webhook has failed: noted with its attempts, announced, and at last a reason to pause it."""
