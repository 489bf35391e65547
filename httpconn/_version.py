"""The version, written once: the build, the package and User-Agent read it here."""

__version__ = "0.2.0"
