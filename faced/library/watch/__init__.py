"""Hears what happens in folders and hands it over as hints. Scans nothing, decides nothing.

A hint says "look there", never what is so: `take()` tells which folders to look at, `lost` of which roots
everything. Watch first, then scan, else what happens in between is never heard.
"""

from faced.library.watch.coverage import walk_folders
from faced.library.watch.hints import Hints
from faced.library.watch.scope import Scope
from faced.library.watch.watcher import Watcher

__all__ = ["Hints", "Scope", "Watcher", "walk_folders"]
