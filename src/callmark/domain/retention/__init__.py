"""How long each kind of thing is kept, and whether the jobs that delete keep up."""
