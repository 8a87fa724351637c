"""What a reader of a page sees, as text."""

from collections.abc import Sequence

from streamlit.testing.v1 import AppTest

TEXTS = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "html")


def errors(app: AppTest) -> list[str]:
    return [e.message for e in app.exception]


def everything(app: AppTest, *, kinds: Sequence[str] = TEXTS) -> str:
    """All titles, sentences, captions, notes and HTML of the page, one after the other; of some kinds where asked."""
    elements = [e for kind in kinds for e in app.get(kind)]
    return "\n".join(str(getattr(e, "value", None) or e.proto.body) for e in elements)


def answer(app: AppTest) -> str:
    """The generated sentence under the title."""
    found = [block for block in _blocks(app.main) if _name(block).endswith("-headline")]
    assert len(found) == 1, "a page has one headline"
    return " ".join(str(child.value) for child in found[0].children.values())


def notes(app: AppTest) -> str:
    return "\n".join(e.value for e in app.info)


def _blocks(node):
    for child in getattr(node, "children", {}).values():
        yield child
        yield from _blocks(child)


def _name(block) -> str:
    return str(getattr(getattr(block, "proto", None), "id", ""))
