"""One PostgreSQL for a whole run of the tests, started when the first of them asks for it."""

from collections.abc import Iterator

import pytest
from tests.support.postgres import NoPostgres, Postgres, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        with running() as server:
            yield server
    except NoPostgres as none:
        pytest.skip(str(none))


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The URL of a new and empty database."""
    url = postgres.fresh()
    yield url
    postgres.drop(url)
