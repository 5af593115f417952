"""Turns rules about system calls into a seccomp program (classic BPF), and loads it.

A program reads ``struct seccomp_data`` of linux/seccomp.h: the number, the architecture and six
arguments, of which a rule sees the lower 32 bits; that is all that the kernel itself reads of the
arguments our rules look at. What no rule names is allowed. Refused calls fail with an error number
and never end the process: libraries try what they may not do.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from errno import EPERM
from typing import Literal, TypeAlias

from notebook_agents.confinement.errors import Unprotected
from notebook_agents.confinement.syscalls import (
    ABSENT,
    AUDIT_ARCHITECTURES,
    X32_BIT,
    machine,
    number,
)

LOAD, AND, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
OFFSET_NUMBER, OFFSET_ARCHITECTURE, OFFSET_ARGUMENTS = 0, 4, 16
MAX_STEPS = 4096
"""BPF_MAXINSNS of linux/bpf_common.h."""
PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC = 38, 1, 1

Operator: TypeAlias = Literal["always", "any bit", "no bit", "all bits", "among", "not among"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Calls that fail, always or when one argument says so."""

    calls: tuple[str, ...]
    when: Operator = "always"
    argument: int = 0
    """Which of the six arguments is looked at."""
    values: tuple[int, ...] = ()
    """One mask for bits, otherwise the values."""
    error: int = EPERM
    """The error number that the call fails with; 0 lets it pretend to have worked."""


def assemble(rules: Iterable[Refuse], machine: str = machine()) -> bytes:
    """The program as an array of ``struct sock_filter``.

    A call may be named by one rule only. Raises Unprotected for a machine without a list of calls.
    """
    if machine not in AUDIT_ARCHITECTURES:
        raise Unprotected(f"there is no list of system calls for {machine}")
    refuse = _step(RETURN, RET_ERRNO | EPERM)
    program = [
        _step(LOAD, OFFSET_ARCHITECTURE),
        _step(EQUAL, AUDIT_ARCHITECTURES[machine], 1, 0),
        refuse,
        _step(LOAD, OFFSET_NUMBER),
    ]
    if machine == "x86_64":
        program += [_step(AT_LEAST, X32_BIT, 0, 1), _step(RETURN, RET_ERRNO | 38)]
    named: set[str] = set()
    for rule in rules:
        body = _body(rule)
        for call in rule.calls:
            assert call not in named, f"{call} is named twice"
            named.add(call)
            if (value := number(call, machine)) != ABSENT:
                program += [_step(EQUAL, value, 0, len(body)), *body]
    program.append(_step(RETURN, RET_ALLOW))
    assert len(program) <= MAX_STEPS
    return b"".join(program)


def install(program: bytes, *, all_threads: bool = False) -> None:
    """Put this thread, or every thread of the process, under a program for good.

    Raises Unprotected when the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Unprotected("the kernel cannot give up privileges for good")
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    flags = SECCOMP_FILTER_FLAG_TSYNC if all_threads else 0
    call = number("seccomp", machine())
    if libc.syscall(call, SECCOMP_SET_MODE_FILTER, flags, header) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise Unprotected(f"the kernel refuses a filter of system calls: {reason}")


def _body(rule: Refuse) -> list[bytes]:
    """What a matching number goes through; it always ends with a decision."""
    refuse, allow = _step(RETURN, RET_ERRNO | rule.error), _step(RETURN, RET_ALLOW)
    if rule.when == "always":
        return [refuse]
    load = _step(LOAD, OFFSET_ARGUMENTS + 8 * rule.argument)
    if rule.when == "any bit":
        return [load, _step(ANY_BIT, rule.values[0], 0, 1), refuse, allow]
    if rule.when == "no bit":
        return [load, _step(ANY_BIT, rule.values[0], 1, 0), refuse, allow]
    if rule.when == "all bits":
        mask = rule.values[0]
        return [load, _step(AND, mask), _step(EQUAL, mask, 0, 1), refuse, allow]
    hit, miss = (refuse, allow) if rule.when == "among" else (allow, refuse)
    return [load, *_tests(rule.values), miss, hit]


def _tests(values: Sequence[int]) -> list[bytes]:
    """Jump over the next decision when the argument is one of the values."""
    n = len(values)
    return [_step(EQUAL, value, n - index, 0) for index, value in enumerate(values)]


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value & 0xFFFFFFFF)
