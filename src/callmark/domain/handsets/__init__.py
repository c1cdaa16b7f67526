"""Handsets: who is registered, with which app, and what a pushed identity looks like on its way to one."""
