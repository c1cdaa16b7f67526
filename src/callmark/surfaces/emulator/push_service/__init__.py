"""The emulator's own push service, which wakes the virtual handsets that sleep."""
