"""The routes below `/emulator/v1`, by which scripts and tests drive the emulator."""
