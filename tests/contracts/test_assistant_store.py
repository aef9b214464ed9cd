"""What every AssistantStore promises, checked on each implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.core.errors import NotFoundError
from tui.core.models import JsonObject
from tui.core.ports import AssistantStore, Page
from tui.server.memory import MemoryAssistantStore
from tui.store.assistant_store import SqliteAssistantStore

# Each entry makes a new, empty store; the path is an empty directory of its own.
STORES: dict[str, Callable[[Path], AssistantStore]] = {
    "memory": lambda _directory: MemoryAssistantStore(),
    "sqlite": lambda directory: SqliteAssistantStore.open(directory / "server.db"),
}


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], AssistantStore]]:
    """Makes empty stores; all are closed in the end."""
    made: list[AssistantStore] = []

    def new() -> AssistantStore:
        directory = tmp_path / str(len(made))
        directory.mkdir()
        made.append(STORES[request.param](directory))
        return made[-1]

    yield new
    for store in made:
        store.close()


@pytest.fixture
def store(make: Callable[[], AssistantStore]) -> AssistantStore:
    return make()


def body(object_id: str, **fields: object) -> JsonObject:
    return {"id": object_id, **fields}


def ids(found: tuple[list[JsonObject], bool]) -> tuple[list[str], bool]:
    return [each["id"] for each in found[0]], found[1]


def test_what_is_put_comes_back_as_it_was(store: AssistantStore) -> None:
    given_body = body("a", text="żółw 🐢 \x00\x1b", nested={"list": [1, 2.5, None, True]}, empty={})
    store.put("assistant", "", given_body)
    assert store.get("assistant", "a") == given_body
    assert store.get("assistant", "b") is None
    assert store.get("thread", "a") is None


def test_changing_a_copy_changes_nothing(store: AssistantStore) -> None:
    given_body = body("a", metadata={"k": "v"})
    store.put("assistant", "", given_body)
    given_body["metadata"]["k"] = "changed after"
    found = store.get("assistant", "a")
    assert found is not None
    found["metadata"]["k"] = "changed in the copy"
    page, _ = store.page("assistant", "", Page())
    page[0]["metadata"]["k"] = "changed in the page"
    assert store.get("assistant", "a") == body("a", metadata={"k": "v"})


def test_replacing_keeps_the_place(store: AssistantStore) -> None:
    for name in ("a", "b", "c"):
        store.put("message", "t", body(name))
    store.put("message", "t", body("a", new=True))
    assert ids(store.page("message", "t", Page(descending=False))) == (["a", "b", "c"], False)
    assert store.get("message", "a") == body("a", new=True)


def test_the_newest_come_first_by_default(store: AssistantStore) -> None:
    for name in ("a", "b", "c"):
        store.put("thread", "", body(name))
    assert ids(store.page("thread", "", Page())) == (["c", "b", "a"], False)


def test_parents_and_kinds_are_apart(store: AssistantStore) -> None:
    store.put("message", "t1", body("m1"))
    store.put("message", "t2", body("m2"))
    store.put("run", "t1", body("r1"))
    assert ids(store.page("message", "t1", Page())) == (["m1"], False)
    assert ids(store.page("run", "t1", Page())) == (["r1"], False)
    assert ids(store.page("run", "t2", Page())) == ([], False)


def test_pages_by_cursor(store: AssistantStore) -> None:
    for name in "abcdef":
        store.put("message", "t", body(name))
    assert ids(store.page("message", "t", Page(limit=2))) == (["f", "e"], True)
    assert ids(store.page("message", "t", Page(limit=2, after="e"))) == (["d", "c"], True)
    assert ids(store.page("message", "t", Page(limit=2, after="c"))) == (["b", "a"], False)
    # The page before a cursor is the one next to it, in the order of the listing.
    assert ids(store.page("message", "t", Page(limit=2, before="b"))) == (["d", "c"], True)
    assert ids(store.page("message", "t", Page(limit=9, before="e"))) == (["f"], False)
    between = Page(limit=9, after="f", before="b")
    assert ids(store.page("message", "t", between)) == (["e", "d", "c"], False)


def test_only_what_matches(store: AssistantStore) -> None:
    for index, name in enumerate("abcdef"):
        store.put("message", "t", body(name, run_id=f"r{index % 2}"))
    page = Page(limit=2, descending=False)
    assert ids(store.page("message", "t", page, {"run_id": "r0"})) == (["a", "c"], True)
    # A cursor only marks a place: it need not match itself.
    after = Page(limit=2, descending=False, after="b")
    assert ids(store.page("message", "t", after, {"run_id": "r0"})) == (["c", "e"], False)
    assert ids(store.page("message", "t", page, {"run_id": "none"})) == ([], False)
    assert ids(store.page("message", "t", page, {"absent": None})) == (["a", "b"], True)


@pytest.mark.parametrize("page", [Page(after="x"), Page(before="x"), Page(after="other")])
def test_an_unknown_cursor_is_an_error(store: AssistantStore, page: Page) -> None:
    store.put("message", "t", body("a"))
    store.put("message", "t2", body("other"))
    with pytest.raises(NotFoundError):
        store.page("message", "t", page)


def test_deleting_takes_what_belongs_to_it(store: AssistantStore) -> None:
    store.put("thread", "", body("t"))
    store.put("message", "t", body("m"))
    store.put("run", "t", body("r"))
    store.put("step", "r", body("s"))
    store.put("run", "t2", body("r2"))
    store.put("step", "r2", body("s2"))
    assert store.delete("thread", "t")
    assert not store.delete("thread", "t")
    for kind, object_id in (("thread", "t"), ("message", "m"), ("run", "r"), ("step", "s")):
        assert store.get(kind, object_id) is None  # type: ignore[arg-type]  # the kinds, spelt out
    assert ids(store.page("message", "t", Page())) == ([], False)
    assert store.get("step", "s2") == body("s2")
    assert store.delete("run", "r2")
    assert store.get("step", "s2") is None


def test_an_object_can_come_back_after_it_was_deleted(store: AssistantStore) -> None:
    for name in ("a", "b"):
        store.put("thread", "", body(name))
    store.delete("thread", "a")
    store.put("thread", "", body("a", again=True))
    assert ids(store.page("thread", "", Page(descending=False))) == (["b", "a"], False)


def test_closing_twice_is_harmless(store: AssistantStore) -> None:
    store.close()
    store.close()


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example makes its own store
)
@given(data=st.data())
def test_pages_are_slices_of_the_whole(
    make: Callable[[], AssistantStore], data: st.DataObject
) -> None:
    store = make()
    count = data.draw(st.integers(0, 12))
    colours = data.draw(st.lists(st.sampled_from("rg"), min_size=count, max_size=count))
    for index, colour in enumerate(colours):
        store.put("message", "t", body(f"m{index}", colour=colour))
    names = [f"m{index}" for index in range(count)]
    cursor = st.none() | st.sampled_from(names) if names else st.none()
    page = Page(
        limit=data.draw(st.integers(1, 5)),
        descending=data.draw(st.booleans()),
        after=data.draw(cursor),
        before=data.draw(cursor),
    )
    match = data.draw(st.none() | st.just({"colour": "r"}))

    listed = names[::-1] if page.descending else names
    start = listed.index(page.after) + 1 if page.after else 0
    stop = listed.index(page.before) if page.before else len(listed)
    fitting = [
        name for name in listed[start:stop] if match is None or colours[int(name[1:])] == "r"
    ]
    backwards = page.before is not None and page.after is None
    expected = fitting[-page.limit :] if backwards else fitting[: page.limit]

    assert ids(store.page("message", "t", page, match)) == (expected, len(fitting) > page.limit)
    store.close()
