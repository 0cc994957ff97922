"""What a server says of itself in ``INFO``. Pure."""

__all__ = ["parse_info"]


def parse_info(raw: bytes) -> dict[str, str]:
    """Read the lines ``name:value`` of all sections."""
    lines = (line.partition(":") for line in raw.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in lines if colon}
