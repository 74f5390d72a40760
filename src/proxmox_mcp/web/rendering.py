"""Templates: every value is escaped, no value is ever markup, and a name that a page forgot to pass is an error."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from proxmox_mcp.proxmox.upid import parse_upid
from proxmox_mcp.render.units import size_text
from proxmox_mcp.untrusted import escaped
from proxmox_mcp.web.words import act, ending

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC = files("proxmox_mcp.web") / "static"
_TIME = Markup('<time datetime="%s">%s</time>')


@cache
def _environment() -> Environment:
    """Made with the first page: jinja2 takes 0.1 s of CPU to import, which a server without visitors never needs."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("proxmox_mcp.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(
        when=when, lasting=lasting, size=size, percent=percent, pretty=pretty, prose=prose, breakable=breakable
    )
    environment.globals.update(asset=asset, ending=ending, act=act, task_of=parse_upid)
    return environment


def render(template: str, **values: Any) -> str:
    """A page from its template and values."""
    return _environment().get_template(template).render(**values)


@cache
def asset(name: str) -> str:
    """The name of a static file with the digest of its content: browsers keep it until it changes."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"static/{name}?v={digest}"


def _visible(value: Any) -> Any:
    """Text with its invisible characters shown as escapes; line breaks and tabs stay.

    Direction overrides and the like could make a page say something else than what is in the text.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.isprintable():  # So nearly every value: no line break, no tab.
        return escaped(value)
    return "\n".join("\t".join(map(escaped, line.split("\t"))) for line in value.split("\n"))


def when(seconds: float | None) -> Markup:
    """A time as UTC text, which the script turns into the browser's zone, with the age."""
    if seconds is None:
        return Markup("–")
    moment = datetime.fromtimestamp(seconds, UTC)
    exact = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    return _TIME % (exact, f"{moment:%Y-%m-%d %H:%M:%S UTC}")


def lasting(seconds: float | None) -> str:
    """A duration as people say it: ``45 s``, ``12 min``, ``3 h 20 min``, ``5 d 2 h``."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def size(number: float | None) -> str:
    """Bytes with three significant digits: ``81.2 GiB``."""
    return "–" if number is None else size_text(number)


def percent(fraction: float | None) -> str:
    """``0.123`` as ``12%``."""
    return "–" if fraction is None else f"{fraction:.0%}"


def prose(text: str) -> Markup:
    """A message of the server, with what is between backticks as code."""
    parts = [escape(_visible(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:  # A backtick without its other one is only a character.
        parts[-2:] = [Markup("`").join(parts[-2:])]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


def breakable(text: str) -> Markup:
    """A text with paths in it, which a narrow screen breaks after a slash rather than within a word."""
    return escape(_visible(text)).replace("/", Markup("/<wbr>"))


def pretty(value: Any) -> str:
    """A JSON value on lines of its own, for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
