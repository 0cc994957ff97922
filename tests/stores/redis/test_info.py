"""INFO is read as names and values."""

from sessiond.stores.redis.info import parse_info


def test_sections_and_what_is_no_line_are_left_out() -> None:
    """Values may hold colons; what is not UTF-8 does no harm."""
    raw = b"# Server\r\nrun_id:abc\r\n\r\nslave0:ip=::1,port=1\r\nx:\xff\r\n"

    assert {"run_id": "abc", "slave0": "ip=::1,port=1", "x": "\N{REPLACEMENT CHARACTER}"} == (
        parse_info(raw)
    )
