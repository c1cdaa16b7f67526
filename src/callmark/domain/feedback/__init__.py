"""User Feedback: campaigns of feature sets, and the answers of receivers."""
