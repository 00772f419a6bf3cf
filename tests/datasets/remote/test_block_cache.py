"""The cache stays under its limit, drops what was unused for longest, and touches nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ltr.cli.exit_codes import exit_code
from ltr.datasets.remote import open_remote
from ltr.datasets.remote.block_cache import DIGEST_BYTES, BlockCache, cache_folder
from ltr.errors import RecordingError

BLOCK = 1000
ON_DISK = BLOCK + DIGEST_BYTES


def filled(folder: Path, *, blocks: int, limit_blocks: int) -> BlockCache:
    cache = BlockCache(folder, ("a", 1), limit_blocks * ON_DISK)
    for index in range(blocks):
        cache.put(index, bytes([index]) * BLOCK)
        # one second apart, whatever the clock of the disk
        path = next(folder.glob(f"*-{index}.block"))
        os.utime(path, (index, index))
    return cache


def used(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_blocks_come_back(tmp_path):
    cache = filled(tmp_path, blocks=3, limit_blocks=9)
    assert [cache.get(index) for index in range(4)] == [b"\0" * BLOCK, b"\1" * BLOCK, b"\2" * BLOCK, None]
    assert used(tmp_path) == 3 * ON_DISK


def test_the_limit_holds_after_every_block_and_the_newest_stay(tmp_path):
    for blocks in range(1, 40):
        filled(tmp_path, blocks=blocks, limit_blocks=10)
        assert used(tmp_path) <= 10 * ON_DISK
    cache = BlockCache(tmp_path, ("a", 1), 10 * ON_DISK)
    kept = [index for index in range(39) if cache.get(index)]
    assert len(kept) >= 8
    assert kept == list(range(39 - len(kept), 39))


def test_a_block_that_was_read_lately_stays(tmp_path):
    cache = filled(tmp_path, blocks=8, limit_blocks=8)
    assert cache.get(0)
    cache.put(8, b"8" * BLOCK)
    assert cache.get(0)
    assert cache.get(1) is None


def test_blocks_of_other_files_make_room(tmp_path):
    filled(tmp_path, blocks=8, limit_blocks=8)
    other = BlockCache(tmp_path, ("b", 1), 8 * ON_DISK)
    assert other.get(0) is None
    other.put(0, b"0" * BLOCK)
    assert other.get(0) == b"0" * BLOCK
    assert used(tmp_path) <= 8 * ON_DISK


def test_a_smaller_limit_than_last_time_is_kept_from_the_first_block_on(tmp_path):
    filled(tmp_path, blocks=20, limit_blocks=30)
    BlockCache(tmp_path, ("b", 1), 5 * ON_DISK).put(0, b"0" * BLOCK)
    assert used(tmp_path) <= 5 * ON_DISK


def test_a_block_larger_than_the_limit_is_not_kept_and_costs_no_other(tmp_path):
    cache = filled(tmp_path, blocks=2, limit_blocks=3)
    cache.put(2, b"2" * 4 * BLOCK)
    assert (cache.get(2), cache.get(0)) == (None, b"\0" * BLOCK)


def test_what_a_killed_process_left_makes_room_and_what_is_not_ours_stays(tmp_path):
    for name in ("thesis.txt", "old.part"):
        (tmp_path / name).write_bytes(bytes(5000))
        os.utime(tmp_path / name, (0, 0))
    filled(tmp_path, blocks=9, limit_blocks=8)
    assert not (tmp_path / "old.part").exists()
    assert (tmp_path / "thesis.txt").exists()


def test_a_block_that_another_process_deletes_meanwhile_is_just_not_there(tmp_path, monkeypatch):
    cache = filled(tmp_path, blocks=8, limit_blocks=8)
    listing = list(tmp_path.iterdir())
    for path in listing[:3]:
        path.unlink()
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listing))
    cache.put(8, b"8" * BLOCK)
    assert cache.get(8) == b"8" * BLOCK


def test_the_folder_is_the_users_or_the_one_in_the_variable(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / "cache" / "remote"
    monkeypatch.delenv("LTR_CACHE_DIR")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name, **_: f"/caches/{name}")
    assert cache_folder() == Path("/caches/ltr/remote")


def test_only_the_owner_may_look_into_the_folder(tmp_path):
    BlockCache(tmp_path / "cache" / "remote", ("a",), 10)
    assert (tmp_path / "cache" / "remote").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_told(server, content, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("LTR_CACHE_DIR", str(tmp_path / "file"))
    message = (
        r"the cache of remote files in .*file/remote cannot be used: Not a directory[\s\S]*LTR_CACHE_DIR.*cache_mb = 0"
    )
    with pytest.raises(RecordingError, match=message), open_remote(server.add("/a.nwb", content)):
        pass


def test_a_full_disk_is_told_and_is_not_the_users_fault(server, content, monkeypatch, cache_folder):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    url = server.add("/a.nwb", content)
    with pytest.raises(RecordingError, match="No space left on device") as caught, open_remote(url) as file:
        file.read(1)
    assert exit_code(caught.value) == 1
    assert list(cache_folder.iterdir()) == []
