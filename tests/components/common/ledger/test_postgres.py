"""What only a server can suffer: it goes away, it comes back, and nobody is told its password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from components.common.errors import Exit, FinloopError
from components.common.ledger import Ledger, has_ledger, open_ledger
from components.common.ledger.book import open_store
from components.common.ledger.verify import verify
from components.common.records import Decision
from components.common.settings import Settings, load_settings
from tests.postgres_server import PostgresServer

Make = Callable[..., Decision]


@pytest.fixture
def server(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server with an empty database; it runs again afterwards."""
    postgres_server.empty()
    yield postgres_server
    try:
        postgres_server.connection("postgres").close()
    except Exception:  # noqa: BLE001 - a test that failed half way has left it down
        postgres_server.start()


def test_a_server_that_goes_away_is_one_sentence_and_one_that_is_back_goes_on(
    server: PostgresServer, decision: Make
) -> None:
    with closing(Ledger(server.address())) as ledger:
        ledger.append([decision(1)])
        server.stop()
        for _ in range(2):
            with pytest.raises(FinloopError, match="PostgreSQL does not answer") as raised:
                ledger.append([decision(2)])
            assert (raised.value.code, raised.value.http_status) == ("ledger_unavailable", 503)
            assert server.password not in str(raised.value)
        server.start()
        assert ledger.append([decision(1), decision(2)]) == [False, True]
        assert verify(ledger).ok


def test_a_connection_lost_inside_a_transaction_writes_nothing_of_it(
    server: PostgresServer, decision: Make
) -> None:
    with closing(Ledger(server.address())) as ledger:
        ledger.append([decision(1)])
        with (
            pytest.raises(FinloopError, match="cannot be used"),
            ledger.writing() as (store, _),
        ):
            store.execute("DELETE FROM erased")
            with closing(server.connection()) as other:
                other.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'finloop'"
                )
            store.execute("DELETE FROM erased")
        assert ledger.append([decision(2)]) == [True]
        assert (verify(ledger).ok, verify(ledger).rows) == (True, 2)


def test_who_waits_too_long_for_another_writer_is_told_so(
    server: PostgresServer, decision: Make
) -> None:
    with (
        closing(Ledger(server.address(), patience=0.05)) as ledger,
        closing(open_store(server.address(), 30.0, "disk")) as other,
    ):
        with other.writing(), pytest.raises(FinloopError, match="has not ended in time"):
            ledger.append([decision(1)])
        assert ledger.append([decision(1)]) == [True]


def test_a_server_that_is_not_there_is_one_sentence_without_its_password() -> None:
    settings = Settings.model_validate(
        {"ledger_url": "postgresql://finloop:hidden@127.0.0.1:1/ledger"}
    )
    assert has_ledger(settings)
    with pytest.raises(FinloopError) as raised:
        open_ledger(settings)
    assert raised.value.exit_status == Exit.UNAVAILABLE
    assert "hidden" not in f"{raised.value}{settings!r}"


@pytest.mark.parametrize(
    "address",
    ["", "postgres", "mysql://h/d", "postgresql://h", "postgresql://h:x/d", "postgresql:///d"],
)
def test_an_address_that_cannot_be_one_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("FINLOOP_LEDGER_URL", f"{address}#hidden")
    with pytest.raises(FinloopError, match="FINLOOP_LEDGER_URL cannot be used") as raised:
        load_settings()
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(("durability", "synchronous"), [("disk", "on"), ("process", "off")])
def test_durability_is_how_the_server_commits(
    server: PostgresServer, durability: str, synchronous: str
) -> None:
    settings = Settings.model_validate(
        {"ledger_url": server.address(), "ledger_durability": durability}
    )
    with closing(open_ledger(settings)) as opened:
        assert opened.rows("SHOW synchronous_commit") == [{"synchronous_commit": synchronous}]
