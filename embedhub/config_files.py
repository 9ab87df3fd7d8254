"""The settings of files: where originals lie, how much is read, what may be fetched."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class FilePart(BaseSettings):
    """A part of the settings, in a file of its own for its length."""

    # --- files
    file_storage: str = Field(
        "",
        description="Where original files lie, as a URL of fsspec such as s3://bucket/folder;"
        " empty: the folder files in EMBEDHUB_HOME.",
    )
    file_storage_options: SecretStr = Field(
        SecretStr(""),
        description='Options of that storage as JSON, such as {"endpoint_url": ..., "key": ...,'
        ' "secret": ...}.',
    )
    max_file_bytes: int = Field(512 * 2**20, ge=1, description="Largest file that is taken.")
    max_files_a_request: int = Field(100, ge=1, description="Files in one request.")
    max_files: int = Field(1_000_000, ge=1, description="Files of one collection.")
    file_attempts: int = Field(
        3, ge=1, description="Readings that a file may break off before it counts as failed."
    )
    parse_memory_mb: int = Field(
        768, ge=128, description="Address space of a process that reads files, MiB."
    )
    parse_s: float = Field(300, gt=0, description="Longest reading of one file, seconds.")
    max_pages: int = Field(20_000, ge=1, description="Pages of one file.")
    max_package_bytes: int = Field(
        128 * 2**20, ge=1, description="Bytes that an office file or e-book may unpack to."
    )
    max_archive_bytes: int = Field(
        2 * 2**30, ge=1, description="Bytes that an archive may unpack to, with those inside of it."
    )
    max_archive_files: int = Field(10_000, ge=1, description="Files inside one archive.")
    max_archive_depth: int = Field(3, ge=1, description="Archives inside of each other.")
    fetch_s: float = Field(60, gt=0, description="Longest fetch of a file by its URL, seconds.")
    fetch_redirects: int = Field(5, ge=0, description="Redirects followed when a file is fetched.")
    fetch_ports: list[int] = Field(
        [80, 443], description="Ports that files may be fetched from, as a JSON list."
    )
