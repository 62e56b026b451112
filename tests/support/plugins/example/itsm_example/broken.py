"""What a plugin may do wrong."""


class Nothing:
    def __init__(self) -> None:
        raise RuntimeError("its license has ended")


class OfAnotherVersion:
    api = 99

    async def look(self, target: str, timeout: float) -> None:
        return None


class Shapeless:
    api = 1
