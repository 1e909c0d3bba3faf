"""A page: template, style and script in one file, everything escaped, scripts and styles bound by their hash."""

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from videotracks.pages.times import clock
from videotracks.palette import color_of

if TYPE_CHECKING:
    from jinja2 import Template

#: The look that all pages share.
_SHARED_STYLE = Path(__file__).parent / "page.css"


def render_page(
    folder: Path, template: str, *, styles: Sequence[str] = (), script: str | None = None, **values: Any
) -> str:
    """A page as text, from files of ``folder``: the template, its styles on top of the shared one, its script.

    The template gets ``values``, ``style``, ``style_hash`` and, with a script, ``script`` and ``script_hash`` for its
    content security policy, and the filters ``clock``, ``color``, ``uri`` and ``address``.
    """
    from markupsafe import Markup

    files = [_SHARED_STYLE, *(folder / name for name in styles)]
    inline = {"style": "".join(path.read_text(encoding="utf-8") for path in files)}
    if script is not None:
        inline["script"] = (folder / script).read_text(encoding="utf-8")
    hashes = {f"{name}_hash": _hash(text) for name, text in inline.items()}
    ours = {name: Markup(text) for name, text in inline.items()}  # our own files, not data
    return _template(folder, template).render(**values, **ours, **hashes)


def embedded_json(value: Any) -> str:
    """JSON that may stand inside a script element whatever it holds; the template must not escape it again."""
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def data_uri(data: bytes, kind: str = "jpeg") -> str:
    """A picture as an address that holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def css_color(identity: int) -> str:
    """The steady colour of a person or an object, as CSS."""
    return "#{:02x}{:02x}{:02x}".format(*color_of(identity))


@functools.cache
def _template(folder: Path, name: str) -> "Template":
    """A page's template, compiled once in a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(folder)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"uri": data_uri, "clock": clock, "color": css_color, "address": quote}
    return environment.get_template(name)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
