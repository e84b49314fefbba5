"""`limits.event_loops`: how many threads serve connections, from the start to the end of the process."""

from pathlib import Path

import pytest

from changes import edited
from sluice import proxied


def with_loops(config, count):
    return edited(config, lambda new: new.update(limits={"event_loops": count, "max_connections": 100 + count}))


def listening_sockets(running):
    """Each event loop listens for itself, so there are as many sockets as loops."""
    port = running.addresses["plain"].rpartition(":")[2]
    wanted = f"0100007F:{int(port):04X}"
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[1] == wanted and fields[3] == "0A" for fields in table)


@pytest.mark.parametrize("count", [1, 3])
def test_there_are_as_many_as_it_says(gateway, backend, count):
    assert listening_sockets(gateway(with_loops(proxied(backend().address), count))) == count


def test_0_means_what_it_is_without_the_key(gateway, backend):
    config = proxied(backend().address)
    expected = listening_sockets(gateway(config))
    assert expected >= 1
    assert listening_sockets(gateway(with_loops(config, 0))) == expected


def test_another_number_waits_for_the_next_start_and_the_rest_applies(gateway, backend):
    config = with_loops(proxied(backend().address), 2)
    running = gateway(config)
    answer = running.reload(with_loops(config, 3))
    assert (answer["applied"], answer["sections"], answer["restart"]) == (True, ["limits"], ["limits.event_loops"])
    assert listening_sockets(running) == 2


@pytest.mark.parametrize("count", [-1, 1025])
def test_a_number_out_of_range_is_refused(gateway, backend, count):
    config = proxied(backend().address)
    running = gateway(config)
    answer = running.reload(with_loops(config, count), status=400)
    assert "expected a number from 0 to 1024" in answer["text"]
