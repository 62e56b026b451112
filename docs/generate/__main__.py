"""Writes the generated pages and names those that changed."""

import sys

from docs.generate import write

for path in write():
    sys.stdout.write(f"{path}\n")
