"""The installation itself: its id, and what a copy of its database may send."""
