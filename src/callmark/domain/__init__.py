"""What the platform knows and decides; one folder per concept, in the import order of the design."""
