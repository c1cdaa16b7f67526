"""A batch as a whole: read page by page, counted stage by stage, taken back."""
