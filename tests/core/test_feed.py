"""A feed: nothing lost, nothing twice, one wake-up per batch, from any thread."""

from __future__ import annotations

import threading
from collections import deque

from tui.core.feed import Feed


def test_it_wakes_its_reader_once_per_batch() -> None:
    feed: Feed[int] = Feed()
    wakes: list[int] = []
    feed.push(0)
    feed.notify(lambda: wakes.append(1))
    feed.push(1)
    feed.push(2)
    assert feed.drain() == [0, 1, 2]
    feed.push(3)
    assert len(wakes) == 2
    assert feed.drain() == [3]


def test_many_threads_push_and_nothing_is_lost() -> None:
    feed: Feed[tuple[int, int]] = Feed()

    def push(who: int) -> None:
        for i in range(500):
            feed.push((who, i))

    threads = [threading.Thread(target=push, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    got: list[tuple[int, int]] = []
    while any(thread.is_alive() for thread in threads):
        got += feed.drain()
    got += feed.drain()
    for n in range(4):
        assert [i for who, i in got if who == n] == list(range(500))


def test_a_closed_feed_takes_nothing_and_says_so_once() -> None:
    closed: list[Feed[int]] = []
    feed: Feed[int] = Feed(on_close=closed.append)
    feed.close()
    feed.close()
    feed.push(1)
    assert (feed.drain(), closed) == ([], [feed])


def test_a_reader_that_drains_while_something_is_pushed_is_woken_for_it() -> None:
    """The reader takes the last item just as the next one comes: it must hear of that one."""
    feed: Feed[int] = Feed()
    wakes: list[int] = []
    got: list[int] = []

    class Interrupted(deque[int]):
        def append(self, item: int) -> None:
            got.extend(feed.drain())
            super().append(item)

    feed.notify(lambda: wakes.append(1))
    feed.push(1)
    feed._items = Interrupted(feed._items)
    feed.push(2)
    assert (got, len(wakes)) == ([1], 2)
    assert feed.drain() == [2]
