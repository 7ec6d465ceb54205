"""What a unit file does to a process, without systemd: run as a program, it becomes the caged command.

Everything but the named folders is read-only, there is no network, no capability, and the calls that the unit
forbids are refused by seccomp as systemd would refuse them. Not emulated: cgroups, limits, ProtectProc.
"""

import ctypes
import ctypes.util
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

import pytest  # noqa: E402

from tests.support.units import read_directives, read_unit  # noqa: E402

__all__ = ["cage_command", "needs_cage"]

ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NE, EQ, MASKED = 1, 4, 7
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_RELATIME = 1, 32, 4096, 1 << 21
KEPT_FLAGS = (
    2 | 4 | 8 | 1024 | 2048
)  # nosuid, nodev, noexec, noatime, nodiratime: the same in statvfs and mount
ST_RELATIME = 4096
NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
UNREAL = (1, 2, 6)  # SCHED_FIFO, SCHED_RR, SCHED_DEADLINE


def _prefix() -> list[str]:
    prefix = ["unshare", "--mount", "--net", "--propagation", "private"]
    return prefix if os.geteuid() == 0 else [*prefix, "--user", "--map-root-user"]


def _missing() -> str | None:
    if not shutil.which("systemd-analyze"):
        return "needs systemd-analyze (package systemd)"
    if _libseccomp() is None:
        return "needs libseccomp (package libseccomp2)"
    if not shutil.which("unshare") or subprocess.run([*_prefix(), "true"], capture_output=True).returncode:
        return f"`{' '.join(_prefix())}` is not possible here"
    return None


def _libseccomp() -> "ctypes.CDLL | None":
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
    ]
    return library


needs_cage = pytest.mark.skipif(_missing() is not None, reason=str(_missing()))


def cage_command(unit: str, writable: list[Path], words: list[str], landlock: bool = False) -> list[str]:
    """The words that run a command as the unit would. landlock: also as faced would by itself."""
    spec = {"unit": unit, "writable": [*map(str, writable)], "words": words, "landlock": landlock}
    return [*_prefix(), sys.executable, __file__, json.dumps(spec)]


# The rest runs inside.


class _Compare(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@dataclass(frozen=True)
class Rule:
    """A call that is refused with an error, when one argument compares so; without a comparison, always."""

    call: str
    error: int
    compare: tuple[int, int, int, int] | None = None


def plan_rules(directives: dict[str, list[str]]) -> list[Rule]:
    """The single refusals that directives stand for, as systemd makes them."""
    rules = []
    if directives.get("RestrictAddressFamilies") == ["AF_UNIX"]:
        rules.append(Rule("socket", errno.EAFNOSUPPORT, (0, NE, socket.AF_UNIX, 0)))
    if directives.get("MemoryDenyWriteExecute") == ["yes"]:
        rules.append(Rule("mmap", errno.EPERM, (2, MASKED, 6, 6)))
        rules += [Rule(call, errno.EPERM, (2, MASKED, 4, 4)) for call in ("mprotect", "pkey_mprotect")]
        rules.append(Rule("shmat", errno.EPERM, (2, MASKED, 0o100000, 0o100000)))
    if directives.get("RestrictNamespaces") == ["yes"]:
        rules += [Rule("unshare", errno.EPERM), Rule("setns", errno.EPERM), Rule("clone3", errno.ENOSYS)]
        rules += [Rule("clone", errno.EPERM, (0, MASKED, flag, flag)) for flag in NAMESPACES]
    if directives.get("RestrictSUIDSGID") == ["yes"]:
        for call, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2)):
            rules += [Rule(call, errno.EPERM, (argument, MASKED, bit, bit)) for bit in (0o4000, 0o2000)]
    if directives.get("RestrictRealtime") == ["yes"]:
        rules += [Rule("sched_setscheduler", errno.EPERM, (1, EQ, policy, 0)) for policy in UNREAL]
    if directives.get("LockPersonality") == ["yes"]:
        rules.append(Rule("personality", errno.EPERM, (0, NE, 0, 0)))
    return rules


def read_sets() -> dict[str, set[str]]:
    """systemd's own sets of calls: each with the calls and sets in it."""
    printed = subprocess.run(
        ["systemd-analyze", "syscall-filter"], check=True, capture_output=True, text=True
    )
    sets: dict[str, set[str]] = {}
    name = ""
    for line in printed.stdout.splitlines():
        word = line.strip()
        if line.startswith("@"):
            name = word
            sets[name] = set()
        elif line.startswith("    ") and name and not word.startswith("#"):
            sets[name].add(word)
        elif line.startswith("#"):
            name = ""  # what follows is in no set
    return sets


def plan_allowed(values: list[str], sets: dict[str, set[str]]) -> set[str]:
    """The calls that SystemCallFilter= lines leave; the first line says what is allowed at all."""

    def expand(word: str) -> set[str]:
        return set().union(*map(expand, sets[word])) if word.startswith("@") else {word}

    allowed = expand("@default")
    for value in values:
        calls = set().union(*map(expand, value.removeprefix("~").split()))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed


def _load(default: int, rules: list[tuple[int, str, tuple[int, int, int, int] | None]]) -> None:
    library = _libseccomp()
    assert library is not None
    context = library.seccomp_init(default)
    for action, call, compare in rules:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            continue  # this machine has no such call
        array = (_Compare * 1)(_Compare(*compare)) if compare else None
        code = library.seccomp_rule_add_array(context, action, number, 1 if compare else 0, array)
        assert code == 0, (call, os.strerror(-code))
    code = library.seccomp_load(context)
    assert code == 0, os.strerror(-code)


def _close_file_systems(writable: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: bytes | None, point: bytes, flags: int) -> None:
        if libc.mount(source, point, None, ctypes.c_ulong(flags), None):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), os.fsdecode(point))

    kept = [os.path.realpath(path) for path in writable]
    for path in kept:
        mount(os.fsencode(path), os.fsencode(path), MS_BIND)
    for point in dict.fromkeys(
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()
    ):
        point = point.replace("\\040", " ")
        if point in kept or point.startswith(("/dev", "/proc", "/sys")) or not os.path.exists(point):
            continue
        flags = os.statvfs(point).f_flag
        keep = flags & KEPT_FLAGS | (MS_RELATIME if flags & ST_RELATIME else 0)
        mount(None, os.fsencode(point), MS_REMOUNT | MS_BIND | MS_RDONLY | keep)


def _prctl(*arguments: int) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).prctl(
        ctypes.c_int(arguments[0]), *map(ctypes.c_ulong, (*arguments[1:], *[0] * (5 - len(arguments))))
    )
    return result


def become(spec: dict[str, Any]) -> None:
    """Turn this process into the caged command."""
    directives = read_directives(read_unit(spec["unit"]))
    allowed = plan_allowed(directives["SystemCallFilter"], read_sets())
    rules = plan_rules(directives)
    os.umask(int(directives["UMask"][-1], 8))
    _close_file_systems(spec["writable"])
    capability = 0
    while _prctl(24, capability) == 0:  # PR_CAPBSET_DROP
        capability += 1
    if directives.get("MemoryDenyWriteExecute") == ["yes"]:
        _prctl(65, 1)  # PR_SET_MDWE; unknown to kernels before 6.3
    _load(ALLOW, [(REFUSE | rule.error, rule.call, rule.compare) for rule in rules])
    error = getattr(errno, directives["SystemCallErrorNumber"][-1])
    _load(REFUSE | error, [(ALLOW, call, None) for call in sorted(allowed)])
    if spec["landlock"]:
        from faced.sandbox import confine

        sandbox = confine([*spec["writable"], "/dev/shm"], files=["/dev/null"])
        print(sandbox.text, file=sys.stderr)
    os.execvp(spec["words"][0], spec["words"])


if __name__ == "__main__":
    become(json.loads(sys.argv[1]))
