"""Files are written whole or not at all."""

import stat

import pytest

from streamer.process.files import write_atomically


def test_a_file_holds_what_was_written(tmp_path):
    write_atomically(tmp_path / "deep" / "a", b"new")
    assert (tmp_path / "deep" / "a").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a"]


def test_a_failed_write_leaves_the_old_content_and_no_part(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"old")

    def fail(part):
        part.write_bytes(b"half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_atomically(file, fail)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_mode_holds_from_the_first_byte(tmp_path):
    seen = []

    def write(part):
        seen.append(stat.S_IMODE(part.stat().st_mode))
        part.write_bytes(b"secret")

    write_atomically(tmp_path / "a", write, mode=0o600)
    assert [*seen, stat.S_IMODE((tmp_path / "a").stat().st_mode)] == [0o600, 0o600]
