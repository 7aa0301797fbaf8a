# SPDX-License-Identifier: BSD-2-Clause
"""How does C declare the fields of a ctypes.Structure?  Each with its offset:
the library checks them."""

import ctypes
from typing import Any, Dict, Tuple, Type

# The codes of ctypes' simple types, but for integers.
_SIMPLE = {
    "c": "char ", "?": "bool ", "f": "float ", "d": "double ",
    "g": "long double ", "z": "char *", "Z": "void *", "P": "void *",
    "O": "void *",
}


def _pointer(target: Any, names: Dict[type, str]) -> str:
    if target in names:
        return f"struct {names[target]} *"
    if isinstance(target, type) and issubclass(target, ctypes.c_char):
        return "char *"
    return "void *"


def _type(kind: Any, names: Dict[type, str]) -> str:
    """What stands before the field's name."""
    if issubclass(kind, ctypes.Structure):
        return f"struct {names.get(kind, kind.__name__)} "
    if issubclass(kind, ctypes.Union):
        return f"union {kind.__name__} "
    code = getattr(kind, "_type_", None)
    if not isinstance(code, str):
        return _pointer(code, names)
    if code in _SIMPLE:
        return _SIMPLE[code]
    sign = "u" if code.isupper() or code == "u" else ""
    return f"{sign}int{8 * ctypes.sizeof(kind)}_t "


def _declarator(name: str, kind: Any, names: Dict[type, str]) -> str:
    brackets = ""
    while issubclass(kind, ctypes.Array):
        brackets += f"[{kind._length_}]"
        kind = kind._type_
    return _type(kind, names) + name + brackets


def fields_of(structure: Type[ctypes.Structure], names: Dict[type, str]
              ) -> Tuple[Tuple[Tuple[str, int], ...], int]:
    """A declarator and an offset for each field, and the struct's size.  NAMES
    has the structs that are declared."""
    if not (isinstance(structure, type) and
            issubclass(structure, ctypes.Structure)):
        raise TypeError(f"a struct must be a ctypes.Structure, not "
                        f"{structure!r}")
    fields = []
    for owner in reversed(structure.__mro__):
        if hasattr(owner, "_swappedbytes_"):
            raise TypeError(f"{structure.__name__} has the bytes of another "
                            "processor's order")
        for name, kind, *bits in owner.__dict__.get("_fields_", ()):
            declarator = _declarator(name, kind, names)
            if bits:
                declarator += f" : {bits[0]}"
            fields.append((declarator, int(getattr(owner, name).offset)))
    return tuple(fields), ctypes.sizeof(structure)
