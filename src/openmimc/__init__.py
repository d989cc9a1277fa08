"""OpenMIMC: an instant-messaging server that every official MIMC SDK works against, unmodified."""

__version__ = "0.1.0"
