"""An address in the DANDI archive leads to its file, by the archive's answers; what is not there has near names.

The answers have the form that the archive's interface describes, with what is not used left out here and there.
"""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ltr.datasets.remote import open_remote
from ltr.datasets.remote.dandi_address import API, DandiAddress, parse
from ltr.errors import NetworkError, RecordingError

PATH = "sub-C/sub-C_ses-CO-20131003_behavior+ecephys.nwb"
ASSET_ID = "c7d1a6f2-5d06-4c4e-9a1f-0c2b6f3f8a11"
PUBLISHED = "0.240122.1735"


def version(name: str) -> dict:
    return {
        "version": name,
        "name": "Center-out reaching",
        "asset_count": 3,
        "size": 123456,
        "status": "Published" if name != "draft" else "Valid",
        "created": "2024-01-22T17:35:00Z",
        "modified": "2024-01-22T17:35:00Z",
    }


def dandiset(published: str | None) -> dict:
    return {
        "identifier": "000688",
        "created": "2023-10-01T00:00:00Z",
        "modified": "2024-01-22T17:35:00Z",
        "contact_person": "Doe, Jane",
        "embargo_status": "OPEN",
        "draft_version": version("draft"),
        "most_recent_published_version": version(published) if published else None,
    }


def asset(path: str, asset_id: str, *, zarr: str | None = None) -> dict:
    return {
        "asset_id": asset_id,
        "blob": None if zarr else "0f6e5b1c-6f0e-4f0b-8f57-9d8f3e0a4b21",
        "zarr": zarr,
        "path": path,
        "size": 100_300,
        "created": "2023-10-02T00:00:00Z",
        "modified": "2023-10-02T00:00:00Z",
    }


def page(*results: dict) -> dict:
    return {"count": len(results), "next": None, "previous": None, "results": list(results)}


def listing_path(prefix: str, name: str = PUBLISHED) -> str:
    query = urlencode({"path": prefix, "order": "path", "page_size": "1000"})
    return f"/api/dandisets/000688/versions/{name}/assets/?{query}"


@pytest.fixture
def archive(server, small_blocks, content, monkeypatch):
    """The archive with one dandiset, its storage behind a link that is signed anew each time."""
    monkeypatch.setenv("LTR_DANDI_API", f"{server.root}/api/")
    others = asset(PATH + ".bak.nwb", "1"), asset("sub-C/sub-C_ses-CO-20131004_behavior+ecephys.nwb", "2")
    server.answers = {
        "/api/dandisets/000688/": (200, dandiset(PUBLISHED)),
        "/api/dandisets/000688/versions/?page_size=1000": (200, page(version("draft"), version(PUBLISHED))),
        "/api/dandisets/000999/": (404, {"detail": "Not found."}),
        listing_path(PATH): (200, page(asset(PATH.upper(), "0"), asset(PATH, ASSET_ID), others[0])),
        listing_path(PATH, "draft"): (200, page(asset(PATH, "of-the-draft"))),
        listing_path("sub-C/"): (200, page(asset(PATH, ASSET_ID), *others)),
        listing_path(""): (200, page(asset(PATH, ASSET_ID), *others, asset("sub-M/sub-M.nwb", "3"))),
    }
    server.redirects = {
        f"/api/assets/{ASSET_ID}/download/": "/storage/published?X-Signature=secret",
        "/api/assets/of-the-draft/download/": "/storage/draft?X-Signature=secret",
    }
    server.add("/storage/published?X-Signature=secret", content)
    server.add("/storage/draft?X-Signature=secret", content[::-1])
    return server


def read_all(source, patience):
    with open_remote(source, patience=patience) as file:
        return file.read()


@pytest.mark.parametrize("source", [f"dandi://000688/{PATH}", f"dandi://dandi/000688@{PUBLISHED}/{PATH}"])
def test_a_file_is_found_by_its_path_in_the_version_published_last(archive, content, patience, source):
    assert read_all(source, patience) == content


def test_the_version_can_be_chosen(archive, content, patience):
    assert read_all(f"dandi://000688@draft/{PATH}", patience) == content[::-1]
    assert archive.asked == [listing_path(PATH, "draft")]


def test_without_a_published_version_the_draft_is_read(archive, content, patience):
    archive.answers["/api/dandisets/000688/"] = (200, dandiset(None))
    assert read_all(f"dandi://000688/{PATH}", patience) == content[::-1]


def test_the_second_time_the_file_comes_from_the_cache_though_its_link_is_another(archive, content, patience):
    read_all(f"dandi://000688/{PATH}", patience)
    archive.redirects[f"/api/assets/{ASSET_ID}/download/"] = "/storage/published?X-Signature=new"
    archive.add("/storage/published?X-Signature=new", content)
    archive.ranges.clear()
    assert read_all(f"dandi://000688/{PATH}", patience) == content
    assert archive.spans == []


MISSING = {
    "dandiset": (
        f"dandi://000999/{PATH}",
        r"no dandiset 000999 in http.*/api\.\n  allowed: the six digits.*\n  fix: .*https://dandiarchive\.org",
    ),
    "dandiset of a version": (f"dandi://000999@{PUBLISHED}/{PATH}", "there is no dandiset 000999"),
    "version": (
        f"dandi://000688@0.240122.1736/{PATH}",
        r"has no version 0\.240122\.1736\.\n  allowed: draft, 0\.240122\.1735\n  fix: +did you mean '0\.240122\.1735'",
    ),
    "path": (
        "dandi://000688/sub-C/sub-C_ses-CO-20131005_behavior+ecephys.nwb",
        rf"version {PUBLISHED} of the dandiset has no such file.*\n  allowed: .*for example sub-C/.*\n"
        r"  fix:     did you mean 'sub-C/sub-C_ses-CO-2013100",
    ),
    "capitals": ("dandi://000688/sub-c/sub-c_ses-co-20131003_behavior+ecephys.nwb", "did you mean 'sub-C/sub-C_ses-CO"),
    "folder": ("dandi://000688/sub-Mm/sub-M.nwb", "did you mean 'sub-M/sub-M.nwb'"),
    "anything like it": ("dandi://000688/zzz", "fix:     see the files at https://dandiarchive.org/dandiset/000688"),
}


@pytest.mark.parametrize(("source", "message"), MISSING.values(), ids=MISSING.keys())
def test_what_is_not_there_is_told_with_near_names(archive, patience, waits, source, message):
    asked = source.rpartition("@")[2].partition("/")[2] if "@" in source else source.split("/", 3)[3]
    archive.answers.setdefault(listing_path(asked), (200, page()))
    archive.answers.setdefault(listing_path(asked.rpartition("/")[0] + "/"), (200, page()))
    for unknown in ("000688/versions/0.240122.1736", f"000999/versions/{PUBLISHED}"):
        query = listing_path(asked).partition("?")[2]
        archive.answers[f"/api/dandisets/{unknown}/assets/?{query}"] = (404, {"detail": "Not found."})
    archive.answers["/api/dandisets/000999/versions/?page_size=1000"] = (404, {"detail": "Not found."})

    with pytest.raises(RecordingError, match=message) as caught:
        read_all(source, patience)

    assert str(caught.value).startswith(source)
    assert waits == []


def test_a_folder_of_zarr_is_refused(archive, patience):
    archive.answers[listing_path(PATH)] = (200, page(asset(PATH, ASSET_ID, zarr="5d06")))
    with pytest.raises(RecordingError, match=r"is stored as Zarr[\s\S]*an NWB file in HDF5"):
        read_all(f"dandi://000688/{PATH}", patience)


def test_a_dandiset_under_embargo_is_told(archive, patience):
    archive.answers["/api/dandisets/000688/"] = (401, {"detail": "Authentication credentials were not provided."})
    with pytest.raises(RecordingError, match=rf"dandi://000688/{PATH[:5]}.* may not be read: the server answered 401"):
        read_all(f"dandi://000688/{PATH}", patience)


def test_an_archive_that_is_down_is_asked_again_and_told(archive, patience, waits):
    archive.answers["/api/dandisets/000688/"] = (502, {})
    with pytest.raises(NetworkError, match=r"dandi://000688/.*the server answered 502 \(Bad Gateway\) \(3 attempts\)"):
        read_all(f"dandi://000688/{PATH}", patience)
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("answer", [{}, [], "yes", {"draft_version": None}, {"draft_version": {}}])
def test_an_archive_of_another_kind_is_told(archive, patience, answer):
    archive.answers["/api/dandisets/000688/"] = (200, answer)
    with pytest.raises(RecordingError, match=r"does not answer as the DANDI archive does[\s\S]*LTR_DANDI_API"):
        read_all(f"dandi://000688/{PATH}", patience)


def test_an_answer_that_is_no_json_is_told(server, patience, monkeypatch):
    monkeypatch.setenv("LTR_DANDI_API", server.root)
    server.faults.append(lambda handler: handler.reply(200, b"<html>please log in</html>"))
    with pytest.raises(RecordingError, match=r"does not answer in JSON[\s\S]*asks for a login"):
        read_all(f"dandi://000688/{PATH}", patience)


@pytest.mark.parametrize(
    "source",
    [
        "dandi://",
        "dandi://000688",
        "dandi://000688/",
        "dandi://000688/sub-C/",
        "dandi://688/a.nwb",
        "dandi://0006888/a.nwb",
        "dandi://000688@/a.nwb",
        "dandi://000688@newest/a.nwb",
        "dandi://staging/000688/a.nwb",
        "dandi://000688//a.nwb",
    ],
)
def test_other_forms_are_refused_with_the_right_one(source, patience):
    with pytest.raises(RecordingError, match=r"is not the address of a file[\s\S]*dandi://DANDISET@VERSION/path"):
        read_all(source, patience)


def test_addresses_are_taken_apart():
    assert parse("dandi://000688@draft/sub-C/a b+c?.nwb") == DandiAddress("000688", "draft", "sub-C/a b+c?.nwb")
    assert parse("DANDI://dandi/000688/a") == DandiAddress("000688", None, "a")


def test_the_public_archive_is_asked_unless_another_is_named():
    assert API == "https://api.dandiarchive.org/api"
