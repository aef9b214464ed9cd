"""Reads Markdown line by line, as CommonMark describes it: each line is looked at once.

Between lines there is only what is open: a few containers and one leaf. That makes the cost of a
line independent of the text before it, and the open end of a message easy to show: a clone of
the reader is given the unfinished line and closed.
"""

from __future__ import annotations

from tui.ui.markdown import leaves, starts
from tui.ui.markdown.pen import Container, Pen, footnote, item, quote
from tui.ui.markdown.prose import SHORT, Prose
from tui.ui.markdown.starts import Cursor
from tui.ui.markdown.table import Table, delimiters, split_cells
from tui.ui.markdown.verbatim import Verbatim

_DEEPEST = 24  # containers that may be open; more is a prank


class Reader:
    """Takes the lines of a message and writes what is finished with its pen."""

    def __init__(self, pen: Pen) -> None:
        self.pen = pen
        self.leaf: leaves.Leaf | None = None
        self._end = 0

    def sequel(self) -> Reader:
        """A reader that goes on from here on a page of its own."""
        twin = Reader(self.pen.sequel())
        twin.leaf = self.leaf.clone() if self.leaf is not None else None
        twin._end = self._end
        return twin

    @property
    def in_prose(self) -> bool:
        """Whether the next line is read as Markdown, as opposed to code."""
        return not isinstance(self.leaf, Verbatim)

    def read(self, line: str, at: int) -> None:
        """Read a line, or the beginning of a very long one."""
        cursor = Cursor(line, at)
        self.pen.page.limit = cursor.end
        depth = self._continued(cursor)
        if isinstance(self.leaf, Verbatim) and self._goes_on(self.leaf, cursor, depth):
            return
        if isinstance(self.leaf, Prose) and self.leaf.kind == "heading":
            self._cut_back(len(self.pen.stack))
        depth, fresh = self._open_containers(cursor, depth)
        if cursor.blank:
            self._read_blank(depth, fresh=fresh)
        else:
            self._read_leaf(cursor, depth, fresh=fresh)
        self._end = cursor.end

    def read_on(self, text: str, at: int) -> None:
        """Read more of a very long line."""
        self.pen.page.limit = at + len(text)
        if self.leaf is None:
            self.leaf = leaves.paragraph(self.pen, Cursor("", at))
        self.leaf.more(text, at, self.pen)
        self._end = at + len(text)

    def close(self) -> None:
        """The text is complete."""
        self._cut_back(0)

    def _continued(self, cursor: Cursor) -> int:
        for depth, container in enumerate(self.pen.stack):
            if not _matches(container, cursor):
                return depth
        return len(self.pen.stack)

    def _goes_on(self, leaf: Verbatim, cursor: Cursor, depth: int) -> bool:
        if depth < len(self.pen.stack):
            return False
        last = leaf.close_at is not None and leaf.close_at.search(cursor.rest) is not None
        if leaf.kind == "fence":
            return self._goes_on_fence(leaf, cursor, last=last and cursor.indent < starts.TAB)
        if leaf.kind == "code" and cursor.indent < starts.TAB and not cursor.blank:
            return False
        if last and cursor.blank:
            return False
        cursor.skip(leaf.indent)
        leaf.add(cursor.rest, cursor.source, self.pen)
        self._end = cursor.end
        if last:
            self._cut_back(len(self.pen.stack))
        return True

    def _goes_on_fence(self, leaf: Verbatim, cursor: Cursor, *, last: bool) -> bool:
        block = self.pen.page.blocks[-1]
        if last:
            self._end = block.end = self.pen.page.cursor = cursor.end
            self._cut_back(len(self.pen.stack))
            return True
        if not self.pen.stack:
            cursor.keep_tabs()
        cursor.skip(leaf.indent)
        start = block.code[0] if block.code else cursor.source
        block.code = start, cursor.end
        leaf.add(cursor.rest, cursor.source, self.pen)
        self._end = cursor.end
        return True

    def _open_containers(self, cursor: Cursor, depth: int) -> tuple[int, bool]:
        fresh = False
        while depth < _DEEPEST and not cursor.blank and cursor.indent < starts.TAB:
            inside = not fresh and depth == len(self.pen.stack)
            paragraph = inside and isinstance(self.leaf, Prose)
            container = self._container(cursor, depth, paragraph=paragraph)
            if container is None:
                break
            self._cut_back(depth)
            self.pen.stack.append(container)
            depth += 1
            fresh = True
        return depth, fresh

    def _container(self, cursor: Cursor, depth: int, *, paragraph: bool) -> Container | None:
        indent = cursor.indent
        text = cursor.rest[indent:]
        if text[0] == ">":
            cursor.place += indent + 1
            cursor.skip(1)
            return quote()
        note = starts.FOOTNOTE.match(text)
        if note and not paragraph:
            cursor.place += indent + note.end()
            return footnote(note.group(1))
        if paragraph and starts.UNDERLINE.match(text):
            return None
        if starts.RULE.match(text):
            return None
        return self._item(cursor, indent, depth, paragraph=paragraph)

    def _item(
        self, cursor: Cursor, indent: int, depth: int, *, paragraph: bool
    ) -> Container | None:
        text = cursor.rest[indent:]
        found = starts.BULLET.match(text) or starts.NUMBER.match(text)
        if found is None:
            return None
        ordered = found.re is starts.NUMBER
        mark = found.group(2) if ordered else found.group(1)
        number = int(found.group(1)) if ordered else 0
        empty = not text[found.end() :].strip()
        if paragraph and (empty or number > 1):
            return None
        cursor.place += indent + found.end()
        blanks = cursor.indent
        inner = 1 if empty or blanks > starts.TAB else blanks
        cursor.skip(inner)
        if depth < len(self.pen.stack) and self.pen.stack[depth].mark == mark:
            number = self.pen.stack[depth].number + 1
        nested = sum(1 for each in self.pen.stack[:depth] if each.kind == "item")
        return item(mark, number, indent + found.end() + inner, nested, empty=empty)

    def _read_blank(self, depth: int, *, fresh: bool) -> None:
        self._cut_back(depth)
        if not fresh:
            self.pen.parted = True

    def _read_leaf(self, cursor: Cursor, depth: int, *, fresh: bool) -> None:
        leaf = self.leaf
        whole = depth == len(self.pen.stack)
        text = leaf if isinstance(leaf, Prose) and not fresh else None
        for container in self.pen.stack[:depth]:
            container.empty = False
        if cursor.indent >= starts.TAB:
            if text is None:
                self._cut_back(depth)
                self.leaf = leaves.indented(self.pen, cursor)
            else:
                self._add_text(text, cursor)
            return
        cursor.skip(starts.TAB)
        if text is not None and whole and self._completes(text, cursor):
            return
        table = leaf if isinstance(leaf, Table) and whole and not fresh else None
        if self._begins(cursor, depth, interrupts=text is not None or table is not None):
            return
        if table is not None:
            table.add(cursor.rest, cursor.source, self.pen)
        elif text is not None:
            self._add_text(text, cursor)
        else:
            self._cut_back(depth)
            self.leaf = leaves.paragraph(self.pen, cursor)

    def _add_text(self, text: Prose, cursor: Cursor) -> None:
        cursor.skip(len(cursor.text))
        text.add_line(cursor.rest, cursor.source, self.pen)

    def _completes(self, text: Prose, cursor: Cursor) -> bool:
        """The line makes a heading of the paragraph, or a table of its last line."""
        rest = cursor.rest
        header, aligns = text.last_line, delimiters(rest)
        if header and aligns and len(split_cells(*header)) == len(aligns):
            text.drop_last_line()
            self._end = header[1]
            self.leaf = leaves.table(self.pen, text, header, aligns)
            return True
        if text.length > SHORT or not starts.UNDERLINE.match(rest):
            return False
        leaves.underline(self.pen, text, level=1 if rest[0] == "=" else 2)
        self._end = cursor.end
        self._cut_back(len(self.pen.stack))
        return True

    def _begins(self, cursor: Cursor, depth: int, *, interrupts: bool) -> bool:
        """The line begins a leaf that is not running text, or defines a link."""
        rest = cursor.rest
        kind = starts.leaf_kind(rest)
        if kind:
            self._cut_back(depth)
            self.leaf = leaves.BEGIN[kind](self.pen, cursor)
            return True
        definition = None if interrupts else starts.DEFINITION.match(rest)
        if definition is None:
            return False
        self._cut_back(depth)
        label, bare, plain = definition.groups()
        self.pen.inliner.define(label, bare or plain or "")
        return True

    def _cut_back(self, depth: int) -> None:
        """Close the leaf and all containers but the first ``depth``."""
        if self.leaf is not None:
            self.leaf.close(self.pen, self._end)
            self.leaf = None
        if any(each.kind == "item" and not each.started for each in self.pen.stack[depth:]):
            self.pen.begin("paragraph", self._end)
            self.pen.put((), self._end)
        del self.pen.stack[depth:]


def _matches(container: Container, cursor: Cursor) -> bool:
    """Whether the line goes on in that container; reads over what shows it."""
    indent = cursor.indent
    if container.kind == "quote":
        if indent >= starts.TAB or cursor.text[cursor.place + indent :][:1] != ">":
            return False
        cursor.place += indent + 1
        cursor.skip(1)
        return True
    if cursor.blank:
        return not container.empty
    if indent < container.indent:
        return False
    cursor.place += container.indent
    return True
