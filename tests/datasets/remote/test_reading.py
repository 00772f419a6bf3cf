"""A remote file reads like the local one, and nothing is fetched that is not needed, or fetched twice."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.datasets.remote import open_remote
from ltr.datasets.remote.block_file import BLOCK_BYTES, MAX_RUN
from ltr.errors import LtrError, NetworkError

PLACES = st.integers(0, 101_000)
MOVES = st.lists(st.tuples(PLACES, st.integers(0, 20_000)), max_size=8)


@pytest.mark.parametrize("cache_mb", [0, 2000])
def test_random_reads_equal_those_of_the_local_file(server, small_blocks, content, cache_mb):
    url = server.add("/a.nwb", content)

    @settings(max_examples=40, deadline=None)
    @given(MOVES)
    def check(moves):
        local = io.BytesIO(content)
        with open_remote(url, cache_mb=cache_mb) as remote:
            for place, length in moves:
                remote.seek(place)
                local.seek(place)
                assert remote.read(length) == local.read(length)
                assert remote.tell() == local.tell()

    check()


def test_it_is_a_binary_file(server, small_blocks, content):
    with open_remote(server.add("/a.nwb", content)) as file:
        assert (file.readable(), file.seekable(), file.writable(), file.size) == (True, True, False, len(content))
        assert file.read() == content
        assert file.read(5) == b""
        assert file.seek(-300, os.SEEK_END) == len(content) - 300
        assert file.seek(100, os.SEEK_CUR) == len(content) - 200
        buffer = bytearray(500)
        assert file.readinto(buffer) == 200
        assert buffer == content[-200:] + bytes(300)
        for place, whence in ((-1, os.SEEK_SET), (0, 7)):
            with pytest.raises(ValueError, match="no position"):
                file.seek(place, whence)
    assert file.closed


def test_only_the_blocks_that_are_read_are_fetched(server, small_blocks, content):
    with open_remote(server.add("/a.nwb", content)) as file:
        file.seek(50_500)
        file.read(10)
        file.seek(50_000)
        file.read(1000)
        file.seek(-1, os.SEEK_END)
        file.read(1)
    assert server.spans == ["50000-50999", "100000-100299"]
    assert server.sent == 1 + 1000 + 300


def test_missing_neighbours_come_in_one_request_around_those_that_are_here(server, small_blocks, content):
    with open_remote(server.add("/a.nwb", content)) as file:
        file.seek(23_000)
        file.read(1)
        file.seek(20_000)
        assert file.read(6000) == content[20_000:26_000]
    assert server.spans == ["23000-23999", "20000-22999", "24000-25999"]


def test_a_long_read_is_cut_into_requests(server, small_blocks, content):
    with open_remote(server.add("/a.nwb", content)) as file:
        file.read(33_000)
    assert server.spans == ["0-15999", "16000-31999", "32000-32999"]  # and nothing ahead
    assert MAX_RUN == 16


def test_reading_in_order_fetches_more_and_more_at_a_time(server, small_blocks, content):
    with open_remote(server.add("/a.nwb", content)) as file:
        for _ in range(32):
            file.read(1000)
    assert server.spans == ["0-999", "1000-2999", "3000-6999", "7000-14999", "15000-30999", "31000-46999"]


@pytest.mark.parametrize("validator", [{"ETag": '"first"'}, {"Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"}])
def test_the_second_time_everything_comes_from_the_cache(server, small_blocks, content, validator):
    server.validator = validator
    url = server.add("/a.nwb", content)
    for _ in range(2):
        with open_remote(url) as file:
            assert file.read() == content
    assert server.sent == len(content) + 2  # and one byte each time, to learn whether the file is still the same


def test_without_a_cache_nothing_is_written(server, small_blocks, content, cache_folder):
    url = server.add("/a.nwb", content)
    for _ in range(2):
        with open_remote(url, cache_mb=0) as file:
            assert file.read() == content
    assert not cache_folder.exists()
    assert server.sent == 2 * (len(content) + 1)


def test_blocks_beyond_memory_are_fetched_again(server, small_blocks, content):
    with open_remote(server.add("/a.nwb", content), cache_mb=0) as file:
        file.read(90_000)
        file.seek(0)
        assert file.read(10) == content[:10]
    assert server.spans.count("0-999") == 1


@pytest.mark.parametrize("validator", [{"ETag": '"second"'}, {"Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"}])
def test_a_changed_file_of_the_same_size_is_not_mixed_with_the_old_one(server, small_blocks, content, validator):
    url = server.add("/a.nwb", content)
    with open_remote(url) as file:
        file.read(50_000)
    changed = server.files["/a.nwb"] = content[::-1]
    server.validator = validator
    with open_remote(url) as file:
        assert file.read() == changed


def test_a_file_whose_changes_would_go_unnoticed_is_not_cached(server, small_blocks, content):
    url = server.add("/a.nwb", content)
    server.validator = {}
    with open_remote(url) as file:
        file.read(50_000)
    changed = server.files["/a.nwb"] = content[::-1]
    with open_remote(url) as file:
        assert file.read() == changed


def test_two_files_are_not_mixed(server, small_blocks, content):
    first, second = server.add("/a.nwb", content), server.add("/b.nwb", content[::-1])
    for url, expected in ((first, content), (second, content[::-1])):
        with open_remote(url) as file:
            assert file.read() == expected


@pytest.mark.parametrize("damage", [lambda block: block[:100], lambda block: block[:-1] + b"?", lambda _: b""])
def test_a_damaged_block_of_the_cache_is_fetched_again(server, small_blocks, content, cache_folder, damage):
    url = server.add("/a.nwb", content)
    with open_remote(url) as file:
        file.read(3000)
    (path,) = cache_folder.glob("*-1.block")
    path.write_bytes(damage(path.read_bytes()))
    server.ranges.clear()

    for _ in range(2):
        with open_remote(url) as file:
            assert file.read(3000) == content[:3000]

    assert server.spans == ["1000-1999"]


def test_threads_share_the_cache(server, small_blocks, content):
    url = server.add("/a.nwb", content)
    results = []

    def read():
        with open_remote(url) as file:
            results.append(file.read() == content)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


READER = """
import hashlib, sys
from ltr.datasets.remote import block_file, open_remote
block_file.BLOCK_BYTES = 1000
for _ in range(3):
    with open_remote(sys.argv[1], cache_mb=0.03) as file:
        print(hashlib.sha256(file.read()).hexdigest())
"""


def test_processes_share_a_cache_that_is_too_small_for_them(server, content, cache_folder):
    url = server.add("/a.nwb", content)
    processes = [subprocess.Popen([sys.executable, "-c", READER, url], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    expected = [hashlib.sha256(content).hexdigest()] * 3
    assert [process.communicate()[0].split() for process in processes] == [expected, expected]
    # each may write an eighth of the limit before it looks what the other did
    assert sum(path.stat().st_size for path in cache_folder.iterdir()) <= 30_000 * 9 / 8
    assert {path.suffix for path in cache_folder.iterdir()} == {".block"}


@pytest.fixture
def big_session(session_path, tmp_path):
    """A session with 30 MB of raw signal, which nothing needs."""
    path = tmp_path / "big.nwb"
    path.write_bytes(session_path.read_bytes())
    with h5py.File(path, "a") as file:
        file["acquisition/raw"] = np.random.default_rng(0).integers(-999, 999, 15_000_000, dtype=np.int16)
        file["after"] = 1
    return path


def test_spike_times_of_a_session_are_read_without_its_raw_signal(server, big_session, trains_s):
    url = server.add("/big.nwb", big_session.read_bytes())
    with open_remote(url) as stream, h5py.File(stream, "r") as file:
        ends = file["units/spike_times_index"][:]
        trains = np.split(file["units/spike_times"][:], ends[:-1])
        assert file["after"][()] == 1

    assert all(np.array_equal(train, expected) for train, expected in zip(trains, trains_s, strict=True))
    assert server.sent <= 4 * BLOCK_BYTES < 0.15 * big_session.stat().st_size


def test_the_raw_signal_can_be_read_too(server, big_session):
    url = server.add("/big.nwb", big_session.read_bytes())
    with h5py.File(big_session, "r") as file:
        expected = file["acquisition/raw"][:]
    with open_remote(url) as stream, h5py.File(stream, "r") as file:
        np.testing.assert_array_equal(file["acquisition/raw"][:], expected)


def cut(handler):
    handler.part(cut=100)


def test_a_lost_network_is_told_whatever_the_code_between_makes_of_it(server, big_session, patience):
    url = server.add("/big.nwb", big_session.read_bytes())

    def lose_network(stream):
        server.faults.extend([cut] * 99)
        stream.read(1)

    def translate(stream):
        try:
            lose_network(stream)
        except LtrError:
            raise OSError("the file is damaged") from None

    def swallow(stream):
        with contextlib.suppress(LtrError):
            lose_network(stream)

    for code in (lose_network, translate, swallow):
        with (
            pytest.raises(NetworkError, match=r"big\.nwb could not be read"),
            open_remote(url, cache_mb=0, patience=patience) as stream,
        ):
            code(stream)
        server.faults.clear()


def test_a_lost_network_reaches_the_caller_of_hdf5(server, big_session, patience, waits):
    url = server.add("/big.nwb", big_session.read_bytes())

    def read_signal():
        with open_remote(url, cache_mb=0, patience=patience) as stream, h5py.File(stream, "r") as file:
            server.faults.extend([cut] * 99)
            return file["acquisition/raw"][:]

    with pytest.raises(NetworkError, match="3 attempts"):
        read_signal()
    assert len(waits) == 2


def test_after_a_failure_the_server_is_left_alone(server, small_blocks, content, patience, waits):
    url = server.add("/a.nwb", content)

    def read_on():
        with open_remote(url, patience=patience) as file:
            server.faults.extend([cut] * 99)
            for _ in range(10):
                with contextlib.suppress(NetworkError):
                    file.read(10)

    with pytest.raises(NetworkError):
        read_on()
    assert (len(server.spans), len(waits)) == (3, 2)


def test_an_error_of_the_code_between_stays_what_it_is(server, content):
    with pytest.raises(KeyError, match="units"), open_remote(server.add("/a.nwb", content)):
        raise KeyError("units")
