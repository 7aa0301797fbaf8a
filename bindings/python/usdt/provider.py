# SPDX-License-Identifier: BSD-2-Clause
"""What may a user of the package rely on?  Providers, and how declared types
become those of C."""

import json
import re
from types import TracebackType
from typing import (TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Optional,
                    Tuple, Type)

if TYPE_CHECKING:
    import ctypes

    from .spans import Span

_load_error: Optional[ImportError] = None
try:
    from . import _native as native
except ImportError as error:
    from . import stub as native  # type: ignore[no-redef]
    _load_error = error

Probe = native.Probe
Error = native.Error


def load_error() -> Optional[ImportError]:
    """Why providers and probes are stubs that do nothing, or None."""
    return _load_error


class Backend(NamedTuple):
    """What one way of showing probes to tracers did with a provider."""

    taken: bool
    errno: int
    generation: int
    path: str
    reason: str


class Status(NamedTuple):
    """What shows a provider to tracers, or why nothing does."""

    enabled: bool
    probes: int
    waiting: int
    images: int
    dof: Backend
    sdt: Backend
    note: str
    mappings: int


# --- types and values --------------------------------------------------------

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False,
                           separators=(",", ":")).encode


def _reason(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:       # of the program's own __str__
        return type(error).__name__


def to_json(value: object) -> str:
    """A value's JSON, or an object that says why it has none."""
    try:
        return _encode(value)
    except Exception as error:
        return _encode({"error": _reason(error)})


_NAME = r"(?P<name> ?(?!const\b)[A-Za-z_]\w*)?"
_TEXT = re.compile(r"(const )?(char|signed char|unsigned char)( const)? ?\*"
                   r"( ?const)?" + _NAME)
_AS_TEXT = re.compile(r"(?P<type>json|float|double|long double)\b" + _NAME)


def argument(declared: str) -> Tuple[str, str]:
    """An argument's C type for tracers, and how values are converted: `i` to
    an integer, `t` to text, `j` to JSON, `p` to a pointer to anything else, `v`
    by the value's own type."""
    if not isinstance(declared, str):
        raise TypeError(f"a type must be a str, not {declared!r}")
    words = " ".join(declared.split())
    as_text = _AS_TEXT.fullmatch(words)
    if as_text:
        kind = "j" if as_text["type"] == "json" else "t"
        return "char *" + (as_text["name"] or "").strip(), kind
    if _TEXT.fullmatch(words):
        return declared, "t"
    return declared, "p" if "*" in words else "i"


# --- providers ----------------------------------------------------------------

class Provider:
    """A named set of probes, which is enabled and disabled as a whole.

    Tracers show its name, and its module as the last part of the path where
    its probes are.  As a context manager it is enabled within the block.
    """

    def __init__(self, name: str, module: str = "python") -> None:
        self._native = native.Provider(name, module)
        self._live = False
        self._structs: Dict[type, str] = {}
        self.name = name
        self.module = module

    def __repr__(self) -> str:
        return f"<usdt.Provider {self.name}:{self.module}>"

    def probe(self, name: str, *types: str,
              function: Optional[str] = None) -> Probe:
        """Add a probe.  Types are C types or "json", of at most 32 arguments,
        and each may have a name that tracers show: "int id", "json body".
        If the provider is enabled the probe is visible at once."""
        arguments = [argument(declared) for declared in types]
        return self._add(name, function, types,
                         tuple(c for c, _ in arguments),
                         "".join(kind for _, kind in arguments))

    def _add(self, name: str, function: Optional[str], types: Tuple[Any, ...],
             c_types: Tuple[str, ...], kinds: str, deliver: bool = True
             ) -> Probe:
        probe = self._native.add(name, name if function is None else function,
                                 c_types, kinds, types, to_json)
        if deliver and self._live:
            try:
                self._native.enable()
            except BaseException:
                self._native.remove(probe)
                raise
        return probe

    def span(self, name: str, *types: str,
             arguments: Optional[Callable[..., object]] = None) -> "Span":
        """A decorator of functions and coroutine functions.  NAME-start fires
        before each call, with its positional arguments, or with the result of
        arguments(...), called with all of them.  NAME-done fires after it, with
        the nanoseconds it took and the name of the exception that it raised,
        or NULL."""
        from .spans import Span

        return Span(self, name, types, arguments)

    def struct(self, structure: "Type[ctypes.Structure]",
               name: Optional[str] = None) -> None:
        """Tell tracers the layout of a ctypes.Structure: they show the fields
        of arguments that are pointers to "struct NAME", by default the class's
        name.  Such an argument is fired with an instance.
        Structs that it contains come first, and all before enable()."""
        from .structs import fields_of

        if name is None:
            name = getattr(structure, "__name__", "")
        fields, size = fields_of(structure, {**self._structs,
                                             structure: name})
        self._native.struct(name, size, fields)
        self._structs[structure] = name

    def remove(self, probe: Probe) -> None:
        """Remove a probe: it never fires for this provider again."""
        self._native.remove(probe)

    def enable(self) -> None:
        """Make the probes visible to tracers.  Error says why nothing on this
        machine shows them."""
        self._native.enable()
        self._live = True

    def disable(self) -> None:
        """Hide the probes: none of them fires."""
        self._live = False
        self._native.disable()

    def status(self) -> Status:
        """What shows the probes to tracers, where, and if nothing, why."""
        enabled, probes, waiting, images, dof, sdt, note, mappings = \
            self._native.status()
        return Status(enabled, probes, waiting, images, Backend(*dof),
                      Backend(*sdt), note, mappings)

    def __enter__(self) -> "Provider":
        self.enable()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]],
                 error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.disable()
