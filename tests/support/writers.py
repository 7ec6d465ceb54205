"""Writers to stand in the place of the real one: one that must not be called, one that is interrupted."""

from collections.abc import Callable
from typing import Any

from faced.folders.writer import KernelWriter, TreeWriter

__all__ = ["BlowUp", "Interrupted", "OldKernel"]


class BlowUp:
    """Fails at any call that would change the people folder."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was called where nothing was to be written")


class Interrupted:
    """The real writer; `act` runs once, right before (or after) the `nth` call named `call`."""

    def __init__(
        self,
        call: str,
        act: Callable[[], None],
        nth: int = 1,
        *,
        after: bool = False,
        inner: TreeWriter | None = None,
    ) -> None:
        self.inner = inner or KernelWriter()
        self.call, self.act, self.left, self.after = call, act, nth, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if name != self.call:
            return method

        def interrupted(*args: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                self.act()
            result = method(*args)
            if self.left == 0 and self.after:
                self.act()
            return result

        return interrupted


class OldKernel(KernelWriter):
    """A file system that cannot exchange."""

    def exchange(self, folder: int, name: bytes, to_folder: int, to_name: bytes) -> bool:
        return False
