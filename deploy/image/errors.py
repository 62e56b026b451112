"""Why an image could not be built."""


class BuildError(Exception):
    """Says in one sentence what is missing or failed; shown without a stack."""
