"""A release: the chart, the list of images and their archive, bills of materials, checksums, signatures, notes.

Everything follows from a commit, so two releases of one are the same to the byte, signatures included. docs/how-to/release.md
says how one is made and how whoever gets it tries it without a network.
"""

__all__ = ["ReleaseError"]


class ReleaseError(Exception):
    """Why a release cannot be made, or is not what it says; each reason is a line for the person at the terminal."""
