"""Tests in which another user is at work."""

import os

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user can be played by root only")
