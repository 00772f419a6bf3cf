"""From an address to an open file (import this late: it needs the extra 'remote')."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ltr.datasets.remote.address import is_dandi, shown
from ltr.datasets.remote.block_cache import BlockCache, cache_folder
from ltr.datasets.remote.block_file import BLOCK_BYTES, BlockFile
from ltr.datasets.remote.client import Client
from ltr.datasets.remote.dandi_address import API, API_VARIABLE, download_url
from ltr.datasets.remote.patience import Patience
from ltr.datasets.remote.ranges import RemoteBytes

CACHE_FORMAT = 1


@contextmanager
def open_stream(source: str, *, cache_bytes: int, patience: Patience) -> Iterator[BinaryIO]:
    """What ``ltr.datasets.remote.open_remote`` does once its libraries are there."""
    name = shown(source)
    with Client(patience) as client:
        url = download_url(source, client, os.environ.get(API_VARIABLE) or API) if is_dandi(source) else source
        remote = RemoteBytes(client, url, name)
        with BlockFile(remote, _cache(remote, cache_bytes)) as file:
            try:
                yield cast(BinaryIO, file)
            except Exception as error:
                # what a library made of the failed read is less true than the failure
                if file.failure is None or error is file.failure:
                    raise
                raise file.failure from error
            if file.failure is not None:
                raise file.failure


def _cache(remote: RemoteBytes, limit_bytes: int) -> BlockCache | None:
    # without ETag or time of change, another file of the same size would pass for this one
    if limit_bytes == 0 or not remote.validator:
        return None
    identity = (CACHE_FORMAT, BLOCK_BYTES, remote.url, remote.size, remote.validator)
    return BlockCache(cache_folder(), identity, limit_bytes)
