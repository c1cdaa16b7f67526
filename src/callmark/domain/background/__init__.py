"""Every kind of background work, in one list that workers and the operator's pages read."""
