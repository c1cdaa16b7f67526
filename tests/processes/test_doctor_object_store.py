"""What `callmark doctor` says of the place where large files are kept."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.processes.doctor import Doctor, serving
from tests.support.other_users import needs_root
from tests.support.s3_server import Bucket

from callmark.kit import checks
from callmark.kit.ports import free_port
from callmark.kit.settings import read_settings
from callmark.processes.doctor_engines import check_object_store


@pytest.fixture
async def bucket(doctor: Doctor) -> AsyncGenerator[Bucket]:
    made = Bucket()
    async with serving("/{path:.*}", made.answer) as port:
        doctor.variables |= {
            "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
        }
        yield made


@pytest.mark.parametrize("keeps_versions", [True, False])
async def test_a_store_that_works_keeps_nothing_of_the_trial(
    doctor: Doctor, bucket: Bucket, *, keeps_versions: bool
) -> None:
    bucket.keeps_versions = keeps_versions
    found = (await doctor.examine(object_store=f"s3://callmark/{free_port()}"))["object store"]
    assert found.ok
    assert ("the bucket keeps versions" in found.detail) == keeps_versions
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("AccessDenied", "the key needs the rights to write, read, list and delete"),
        ("RequestTimeTooSkewed", "Correct the clock of this host"),
        ("SignatureDoesNotMatch", "Correct AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken", "AWS_SESSION_TOKEN"),
        ("NoSuchBucket", "Make the bucket"),
        ("NotImplemented", "DeleteObjects"),
    ],
)
async def test_a_store_that_refuses_says_why(doctor: Doctor, bucket: Bucket, reason: str, advice: str) -> None:
    bucket.is_down, bucket.reason = True, reason
    wrong = await doctor.problem(object_store=f"s3://callmark/{free_port()}")
    assert wrong.name == "object store"
    assert wrong.detail.endswith(f"403 Forbidden: {reason}: As it says.")
    assert advice in wrong.advice


async def test_a_store_whose_files_the_key_cannot_list(doctor: Doctor, bucket: Bucket) -> None:
    """S3 then answers 403 also for a file that is not there."""
    bucket.may_list = False
    wrong = await doctor.problem(object_store=f"s3://callmark/{free_port()}")
    assert wrong.name == "object store"
    assert "403 Forbidden" in wrong.detail
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("endpoint", "allow", "reason"),
    [
        ("http://127.0.0.1:1", "true", "Connection refused"),
        ("http://127.0.0.1:1", "", "an address without TLS needs AWS_ALLOW_HTTP=true"),
        ("", "", "InvalidContentType"),  # our server, which has no TLS, as https://
    ],
)
async def test_a_store_that_cannot_be_reached(
    doctor: Doctor, bucket: Bucket, endpoint: str, allow: str, reason: str
) -> None:
    assert bucket
    of_tls = doctor.variables["AWS_ENDPOINT"].replace("http:", "https:")
    doctor.variables |= {"AWS_ENDPOINT": endpoint or of_tls, "AWS_ALLOW_HTTP": allow}
    wrong = await doctor.problem(object_store=f"s3://callmark/{free_port()}")
    assert wrong.name == "object store"
    assert f"{endpoint or of_tls}/" in wrong.detail
    assert wrong.detail.endswith(f": {reason}")
    assert "CALLMARK_OBJECT_STORE" in wrong.advice


async def test_a_folder_that_takes_no_files(doctor: Doctor) -> None:
    wrong = await doctor.problem(data="/proc/callmark")
    assert wrong.name == "object store"
    assert wrong.detail.startswith("/proc/callmark/objects cannot be created: ")
    assert wrong.advice == "Correct the rights of that folder, or set CALLMARK_OBJECT_STORE."


@needs_root
async def test_a_data_directory_of_another_user(tmp_path: Path) -> None:
    (tmp_path / "data/objects").mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    settings = read_settings({}, data=tmp_path / "data")
    os.seteuid(65534)
    try:
        found = await check_object_store(settings)
        here = checks.disk(settings.data)
    finally:
        os.seteuid(0)
    assert found.detail == f"{tmp_path}/data/objects cannot be created: Permission denied"
    assert str(tmp_path).startswith(here.detail.partition(" free at ")[2])
