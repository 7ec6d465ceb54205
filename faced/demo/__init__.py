"""A small library to try faced on without photos of one's own: people who do not exist, and who is where."""

from faced.demo.library import DemoLibrary, make_demo

__all__ = ["DemoLibrary", "make_demo"]
