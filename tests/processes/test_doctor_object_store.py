"""What `callmark doctor` says of the place where large files are kept."""

from collections.abc import AsyncGenerator

import pytest
from tests.processes.doctor import Doctor, serving
from tests.support.s3_server import Bucket

from callmark.kit.ports import free_port


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


async def test_a_store_that_works_keeps_nothing_of_the_trial(doctor: Doctor, bucket: Bucket) -> None:
    assert (await doctor.examine(object_store=f"s3://callmark/{free_port()}"))["object store"].ok
    assert bucket.objects == {}


async def test_a_store_that_denies_the_key(doctor: Doctor, bucket: Bucket) -> None:
    bucket.is_down = True
    wrong = await doctor.problem(object_store=f"s3://callmark/{free_port()}")
    assert wrong.name == "object store"
    assert "lacked the necessary privileges" in wrong.detail
    assert "AWS_" in wrong.advice
    assert "write, read, list and delete" in wrong.advice


async def test_a_store_whose_files_the_key_cannot_list(doctor: Doctor, bucket: Bucket) -> None:
    """S3 then answers 403 also for a file that is not there."""
    bucket.may_list = False
    wrong = await doctor.problem(object_store=f"s3://callmark/{free_port()}")
    assert wrong.name == "object store"
    assert "403 Forbidden" in wrong.detail
    assert bucket.objects == {}


async def test_a_store_that_cannot_be_reached(doctor: Doctor, bucket: Bucket) -> None:
    assert bucket
    doctor.variables["AWS_ENDPOINT"] = "http://127.0.0.1:1"
    wrong = await doctor.problem(object_store=f"s3://callmark/{free_port()}")
    assert wrong.name == "object store"
    assert "http://127.0.0.1:1/" in wrong.detail
    assert "CALLMARK_OBJECT_STORE" in wrong.advice


async def test_a_folder_that_takes_no_files(doctor: Doctor) -> None:
    wrong = await doctor.problem(data="/proc/callmark")
    assert wrong.name == "object store"
    assert wrong.detail.startswith("/proc/callmark/objects cannot be created: ")
    assert wrong.advice == "Correct the rights of that folder, or set CALLMARK_OBJECT_STORE."
