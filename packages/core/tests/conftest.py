"""A PostgreSQL journal for the tests that are about one."""

import pytest
from tests.support.postgres import Postgres

from .postgres_support import PostgresSchema


@pytest.fixture
def store(postgres: Postgres) -> PostgresSchema:
    return PostgresSchema(postgres, postgres.fresh_schema())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
