"""Types of what the package exports; a stub, since the modules of the tool import its version from it."""

from coalactl.trained import load as load

__version__: str
