"""Smart Sessions: identifiers, encodings, digests, signatures, policies, and an exact model of them. Pure.

What a user of the library needs can be imported from here, as in `from agent.smart_sessions import Session`.
The list is `agent.smart_sessions.public`, the tour docs/api.md. It loads with the first name asked for.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

_FUNCTIONS_NAMED_LIKE_THEIR_MODULE = frozenset({"lint", "preflight", "worst_case"})

if TYPE_CHECKING:
    from agent.smart_sessions.public import *  # noqa: F403 - that module is the list
else:

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return import_module(f"{__name__}.public").__all__
        if not _is_module(name):
            public = import_module(f"{__name__}.public")
            if name in public.__all__:
                return getattr(public, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _is_module(name: str) -> bool:
    """Say whether the import system asks for a module here; underscores are its questions too."""
    if name in _FUNCTIONS_NAMED_LIKE_THEIR_MODULE:
        return False
    return name.startswith("_") or find_spec(f"{__name__}.{name}") is not None


class _Package(ModuleType):
    """Keeps the public function where the import system would set the module of the same name."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _FUNCTIONS_NAMED_LIKE_THEIR_MODULE or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
