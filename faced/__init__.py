"""faced turns a pile of photos into folders of people."""

__version__ = "0.1.0"
