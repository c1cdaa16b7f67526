"""The emulator's pages: the demo's first page, virtual handsets, caught mails."""
