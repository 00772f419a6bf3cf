"""From ``dandi://000688/sub-C/file.nwb`` to where the DANDI archive serves the file.

Two questions to the archive's REST interface (described at
https://api.dandiarchive.org/swagger/): which version is meant, and which asset has this path.
The client library ``dandi`` would ask the same two, but brings dozens of packages for
validating and uploading, and it offers no reading in parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from ltr.datasets.remote.client import Client
from ltr.datasets.remote.patience import persist
from ltr.errors import RecordingError, nearest

API = "https://api.dandiarchive.org/api"
API_VARIABLE = "LTR_DANDI_API"  # another archive with the same interface
FORM = re.compile(r"dandi://(?:dandi/)?(\d{6})(?:@(draft|\d+\.\d+\.\d+))?/([^/](?:.*[^/])?)", re.IGNORECASE)
MAX_PAGE = "1000"  # the most that the archive lists at once
FIRST_PAGE = {"order": "path", "page_size": MAX_PAGE}


@dataclass(frozen=True)
class DandiAddress:
    """A file in the archive; without ``version`` the one published last, or else the draft."""

    dandiset: str
    version: str | None
    path: str


def parse(source: str) -> DandiAddress:
    """Take an address apart.

    Raises:
        RecordingError: it is not of the form ``dandi://DANDISET[@VERSION]/path``.

    Example:
        >>> parse("dandi://000688@0.240122.1735/sub-C/sub-C_ses-1.nwb")
        DandiAddress(dandiset='000688', version='0.240122.1735', path='sub-C/sub-C_ses-1.nwb')
    """
    match = FORM.fullmatch(source)
    if match is None:
        raise RecordingError(
            f"{source} is not the address of a file in the DANDI archive.",
            allowed="dandi://DANDISET/path or dandi://DANDISET@VERSION/path, with the six digits of the dandiset",
            fix="for example dandi://000688/sub-C/sub-C_ses-1.nwb",
        )
    dandiset, version, path = match.groups()
    return DandiAddress(dandiset, version, path)


def download_url(source: str, client: Client, api: str = API) -> str:
    """Where the file can be downloaded; the archive redirects from there to signed links that expire.

    Args:
        source: ``dandi://DANDISET[@VERSION]/path``.
        client: makes the requests.
        api: the root of the archive's interface.

    Raises:
        RecordingError: no such dandiset, version or path (with near names), no permission, or no single file.
        NetworkError: the network failed too often.
    """
    archive = _Archive(source, client, api.rstrip("/"))
    try:
        return archive.download_url()
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordingError(
            f"{source} cannot be looked up: {api} does not answer as the DANDI archive does.",
            fix=f"check the address of the archive in {API_VARIABLE}, or ltr is too old for what the archive answers",
        ) from error


class _Archive:
    """The questions about one address."""

    def __init__(self, source: str, client: Client, api: str) -> None:
        self._source, self._client, self._api = source, client, api
        self._address = parse(source)

    def download_url(self) -> str:
        version = self._address.version or self._newest_version()
        assets = f"{self._dandiset}/versions/{quote(version, safe='')}/assets"
        listing = self._ask(assets, {"path": self._address.path, **FIRST_PAGE})
        if listing is None:
            raise self._no_version(version)
        # the archive looks for paths that begin like this, whatever their capitals
        asset = next((asset for asset in listing["results"] if asset["path"] == self._address.path), None)
        if asset is None:
            raise self._no_path(version, assets)
        if asset.get("zarr"):
            raise RecordingError(
                f"{self._source} is stored as Zarr, which is a folder and not one file.",
                allowed="an NWB file in HDF5",
                fix="download it and convert it to HDF5 with pynwb",
            )
        return f"{self._api}/assets/{asset['asset_id']}/download/"

    @property
    def _dandiset(self) -> str:
        return f"dandisets/{self._address.dandiset}"

    def _newest_version(self) -> str:
        dandiset = self._ask(self._dandiset)
        if dandiset is None:
            raise self._no_dandiset()
        version = dandiset.get("most_recent_published_version") or dandiset["draft_version"]
        return str(version["version"])

    def _ask(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        url = f"{self._api}/{path}/"
        question = partial(self._client.get_json, url, params or {}, self._source)
        return persist(question, self._source, self._client.patience)

    def _no_dandiset(self) -> RecordingError:
        return RecordingError(
            f"{self._source} cannot be read: there is no dandiset {self._address.dandiset} in {self._api}.",
            allowed="the six digits of a dandiset",
            fix="look for its number at https://dandiarchive.org",
        )

    def _no_version(self, version: str) -> RecordingError:
        listing = self._ask(f"{self._dandiset}/versions", {"page_size": MAX_PAGE})
        if listing is None:
            return self._no_dandiset()
        versions = [str(entry["version"]) for entry in listing["results"]]
        return RecordingError(
            f"{self._source} cannot be read: dandiset {self._address.dandiset} has no version {version}.",
            allowed=", ".join(versions),
            fix=nearest(version, versions) or "leave the version out to read the one published last",
        )

    def _no_path(self, version: str, assets: str) -> RecordingError:
        folder, _, _ = self._address.path.rpartition("/")
        for prefix in (f"{folder}/", "") if folder else ("",):
            listing = self._ask(assets, {"path": prefix, **FIRST_PAGE}) or {"results": []}
            paths = [str(asset["path"]) for asset in listing["results"]]
            near = nearest(self._address.path, paths)
            if near:
                break
        return RecordingError(
            f"{self._source} cannot be read: version {version} of the dandiset has no such file.",
            allowed="the path of one of its files" + (f", for example {paths[0]}" if paths else ""),
            fix=near or f"see the files at https://dandiarchive.org/dandiset/{self._address.dandiset}",
        )
