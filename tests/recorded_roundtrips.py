"""Replaying the recorded round trips of writes on a demo cluster, and comparing what it answers.

A round trip is: calls that set it up, GETs, a write, the GETs again, the calls that undo the write, the GETs once more
(``README.md`` beside the recordings). Each is replayed on a cluster of its own, in this process, over HTTP on loopback.
"""

from __future__ import annotations

import gzip
import json
import re
import time
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from aiohttp.test_utils import TestClient, TestServer

from proxmox_mcp.demo.configuration.second_factors import totp_code
from proxmox_mcp.demo.fake import DemoPve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from proxmox_mcp.demo.configuration.collection import Collection

ROOT_TOKEN = "root@pam!mcp"
PASSWORD = "pass-12345"
OTP_SECRET = "JBSWY3DPEHPK3PXP"
MAC = re.compile(r"\bBC:24:11(?::[0-9A-F]{2}){3}\b")
UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
PERL_PLACE = re.compile(r" at /usr/share/perl5/\S+ line \d+\.?")
BY_CHANCE = frozenset(
    [
        "digest",
        "meta",
        "value",
        "next-run",
        "next_sync",
        "last-run",
        "created",
        "timestamp",
        "snaptime",
        "ctime",
        "time",
        "localtime",
        "vmgenid",
        "recovery",
        "parent-digest",
    ]
)
"""What differs from run to run; only its presence is compared."""
UNORDERED = frozenset(["content", "privs", "users", "groups", "resources", "nodes", "exclude", "vmid"])
"""Lists in text whose order says nothing."""

CHANGED_AT = re.compile(r"(?:\[([a-z-]+)=([^\]]*)\])?(?:/([a-z-]+))?")
NOT_COMPARED = frozenset({"/cluster/resources", "/cluster/ha/status/current"})
"""Their figures and states come from daemons that did not run where the round trips were recorded."""
NAMES = {"111": "snap"}

Line = dict[str, Any]


def recorded(directory: Path) -> list[Line]:
    """The recorded round trips."""
    with gzip.open(directory / "roundtrips-9.2.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def comparable(value: Any, key: str = "") -> Any:
    """A value without what differs by chance, by order, or by type alone (``1`` and ``"1"``)."""
    if key in BY_CHANCE and value is not None:
        return f"<{key}>"
    if isinstance(value, dict):
        if str(value.get("id")).startswith(("qemu/", "lxc/", "storage/")):
            # No pvestatd ran beside the recorded API: it knew neither names nor states.
            value = {k: v for k, v in value.items() if k not in ("name", "status", "shared")}
        return {k: comparable(v, k) for k, v in sorted(value.items()) if v is not None and k != "used"}
    if isinstance(value, list):
        return sorted((comparable(each) for each in value), key=json.dumps)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str) and key in UNORDERED:
        return ",".join(sorted(re.split("[,;]", value)))
    return MAC.sub("<mac>", UUID.sub("<uuid>", str(value))) if value is not None else None


def world(line: Line) -> DemoPve:
    """The cluster on which the recordings were made, as far as a line shows it."""
    pve = DemoPve("127.0.0.1", 0, PASSWORD, 0.0, None)
    pve.time_scale = 0.0
    pve.nodes = {"pve1": {"online": True}}
    pve.apitokens[ROOT_TOKEN] = pve.add_token(ROOT_TOKEN, privsep=0)
    pve.storages["local"]["content"] = "backup,snippets,images,rootdir,import,vztmpl,iso"
    iso = {"content": "iso", "size": 512, "ctime": 1, "format": "iso"}
    pve.storages["local"].setdefault("volumes", {})["iso/a.iso"] = iso
    pve.realms.items["pam"]["comment"] = "(builtin comment of pam)"
    pve.realms.items["pve"]["comment"] = "(builtin comment of pve)"
    made = {str(call["data"].get("vmid")) for call in line.get("setup", ()) if call["path"].endswith(("/qemu", "/lxc"))}
    running = "running" in line["kind"] or line["kind"] == "vm config revert"
    configs: dict[str, Line] = {
        "/nodes/pve1/qemu/100/config": {},
        "/nodes/pve1/qemu/101/config": {},
        "/nodes/pve1/qemu/103/config": {},
    }
    configs["/nodes/pve1/lxc/200/config"] = {"tags": "x;y"}
    for get in line.get("before", ()):
        path = urlsplit(get["path"]).path
        if re.fullmatch(r"/nodes/pve1/(qemu|lxc)/\d+/config", path) and get["status"] == 200:
            # What is in force tells best what was there before the setup.
            sent = {key for call in line.get("setup", ()) if call["path"] == path for key in call["data"] or ()}
            sent = {"digest"} if running and "current=1" in get["path"] else {"digest", *sent}
            if any(call["path"].endswith("/snapshot") for call in line.get("setup", ())):
                sent.add("parent")
            configs[path] = {key: value for key, value in get["data"].items() if key not in sent}
        elif re.fullmatch(r"/nodes/pve1/qemu/111/snapshot/s1/config", path):
            kept = {key: value for key, value in get["data"].items() if key not in ("description", "snaptime")}
            configs["/nodes/pve1/qemu/111/config"] = kept
        if get["path"] == "/nodes/pve1/storage/local/content":
            _seed_volumes(pve, get["data"], line)
        found = re.match(r"/nodes/pve1/qemu/\d+/", path)
        if found and get["status"] == 200:
            configs.setdefault(f"{found[0]}config", {})
    for path, config in configs.items():
        kind, vmid = path.split("/")[3:5]
        if vmid not in made:
            add, name = (pve.add_vm, "name") if kind == "qemu" else (pve.add_ct, "hostname")
            status = "running" if running and vmid == "100" else "stopped"
            guest = add(
                int(vmid), config.get(name, NAMES.get(vmid, f"web-{vmid}")), node="pve1", status=status, config=config
            )
            if config and name not in config and vmid not in NAMES:
                del guest.config[name]
    hosts = next((get["data"] for get in line["before"] if get["path"].endswith("/hosts")), None)
    if hosts:
        pve.node_hosts["pve1"] = hosts["data"]
    for collection in pve.collections:
        if not line.get("setup"):
            _seed(collection, line)
    if "/vfw/" in line["write"]["path"]:
        pve.sdn.zones.items["zfw"] = {"type": "simple"}
        pve.sdn.vnets.items["vfw"] = {"type": "vnet", "zone": "zfw"}
    return pve


def _seed_volumes(pve: DemoPve, volumes: list[Line], line: Line) -> None:
    """The volumes that were there before the setup."""
    for volume in volumes:
        name = volume["volid"].partition(":")[2]
        if not (line.get("setup") and ("vm-100-disk-1" in name or str(volume.get("vmid")) == "110")):
            pve.storages["local"].setdefault("volumes", {})[name] = {k: v for k, v in volume.items() if k != "volid"}


def _seed(collection: Collection, line: Line) -> None:
    """Put in what a list showed before although no call had made it."""
    kind = collection.kind
    for get in line["before"]:
        if get["path"] == kind.path and get["status"] == 200 and kind.listed_key and not kind.listed:
            for item in get["data"]:
                options = {key: value for key, value in item.items() if key not in ("digest", kind.listed_key)}
                collection.items.setdefault(item[kind.listed_key], options)


@dataclass
class Replay:
    """One line on one cluster; ``differences`` says where it answered otherwise than was recorded."""

    line: Line
    client: TestClient[Any, Any]
    pve: DemoPve
    differences: list[str] = field(default_factory=list)
    identifiers: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, call: Line, headers: dict[str, str]) -> tuple[int, str, Any]:
        path, _, query = self._known(call["path"]).partition("?")
        data = json.loads(self._known(json.dumps(call.get("data") or {})))
        options: dict[str, Any] = {"headers": headers}
        if call["method"] in ("GET", "DELETE"):
            pairs = [pair.split("=", 1) for pair in query.split("&") if pair]
            options["params"] = [(key, unquote(value)) for key, value in pairs] + _pairs(data)
        elif call.get("encoding") == "json":
            options["json"] = data
        else:
            options["data"] = _pairs(data)
        target = "/api2/json" + quote(unquote(path), safe="/:@!,")
        async with self.client.request(call["method"], target, **options) as response:
            body = json.loads(await response.text() or "{}") if response.content_type == "application/json" else {}
            return response.status, response.reason or "", body

    def _known(self, text: str) -> str:
        """The identifiers that were made by chance when this was recorded, in their form here."""
        return UUID.sub(lambda found: self.identifiers.get(found[0], found[0]), text)

    def learn(self, recorded_value: Any, ours: Any) -> None:
        theirs, mine = UUID.findall(json.dumps(recorded_value)), UUID.findall(json.dumps(ours))
        new = [each for each in dict.fromkeys(theirs) if each not in self.identifiers]
        if len(new) == len(set(mine)) == 1:
            self.identifiers[new[0]] = mine[0]

    async def gets(self, when: str, gets: list[Line]) -> None:
        for get in gets:
            status, _, body = await self.call({"method": "GET", "path": get["path"]}, self.as_root())
            if status != get["status"]:
                self.differences.append(f"{when} GET {get['path']}: {status} for {get['status']} {body.get('message')}")
                continue
            self.learn(get.get("data"), body.get("data"))
            ours, theirs = comparable(body.get("data")), comparable(get.get("data"))
            if status == 200 and ours != theirs:
                self.differences.append(f"{when} GET {get['path']}: {_contrast(ours, theirs)}")

    def as_root(self) -> dict[str, str]:
        """The headers of a call by root's token."""
        return {"Authorization": f"PVEAPIToken={ROOT_TOKEN}={self.pve.apitokens[ROOT_TOKEN]}"}

    async def run(self) -> None:
        root = self.as_root()
        for call in self.line.get("setup", ()):
            if not await self.sent("setup", call, root):
                return
        headers = await as_caller(self)
        await self.gets("before", self.line["before"])
        await self._write(headers)
        await self.gets("after", self.line["after"])
        await self._cascades()
        undone_by = headers if "root ticket" in self.line["kind"] else root
        for call in self.line["inverse"] or ():
            await self.sent("inverse", call, undone_by)
        if self.line["restored"]:
            await self.gets("restored", self.line["before"])

    async def _cascades(self) -> None:
        """What else a write changed: rows of lists that went or came, and single options of rows and objects."""
        for cascade in self.line["cascade"] or ():
            if cascade["path"].partition("?")[0] in NOT_COMPARED or cascade.get("status_after", 200) != 200:
                continue
            _, _, body = await self.call({"method": "GET", "path": cascade["path"]}, self.as_root())
            for change in cascade["diff"]:
                found = CHANGED_AT.fullmatch(change["at"])
                if found is None or change["what"] not in ("changed", "gone", "appeared"):
                    continue
                key, value, option = found.groups()
                rows = [body["data"]] if key is None else [r for r in body["data"] or [] if str(r.get(key)) == value]
                ours = [row.get(option) for row in rows] if option else rows
                theirs = [change["now"]] if option else change["now"] or []
                rows_of_diffs = [comparable(_without_digest(each), option or "") for each in ours]
                if sorted(map(str, rows_of_diffs)) != sorted(str(comparable(each, option or "")) for each in theirs):
                    self.differences.append(f"cascade {cascade['path']} {change['at']}: {ours} for {theirs}")

    async def sent(self, when: str, call: Line, headers: dict[str, str]) -> bool:
        """Send a call; whether it was answered with the status that was recorded."""
        status, _, body = await self.call(call, headers)
        as_recorded: bool = status == call.get("status", 200)
        if not as_recorded:
            self.differences.append(f"{when} {call['method']} {call['path']}: {_answer(status, body)}")
        return as_recorded

    async def _write(self, headers: dict[str, str]) -> None:
        write = self.line["write"]
        status, reason, body = await self.call(write, headers)
        if status != write["status"]:
            difference = f"{_answer(status, body)} for {write['status']} {write['reason']}"
        elif status >= 400:
            ours, theirs = (_words(reason), body.get("errors")), (_words(write["reason"]), write.get("errors"))
            difference = "" if ours == theirs else f"said {ours} for {theirs}"
        elif "task" in write:
            end, expected = (_words(task["exitstatus"]) for task in (self.pve.tasks[body["data"]], write["task"]))
            difference = "" if end == expected else f"task {end!r} for {expected!r}"
        else:
            self.learn(write.get("body"), body.get("data"))
            given, recorded_body = comparable(body.get("data")), comparable(write.get("body"))
            same = given == recorded_body or write["path"] == "/version"
            difference = "" if same else f"answered {_contrast(given, recorded_body)}"
        if difference:
            self.differences.append(f"write {write['method']} {write['path']}: {difference}")


class _Served(DemoPve):
    """A demo cluster whose application another server serves, without TLS."""

    def application(self) -> Any:
        return self._build_app()


@asynccontextmanager
async def serving() -> AsyncIterator[Callable[[Line], Replay]]:
    """A server that takes on the world of one line after the other: its routes take most of the time to start."""
    served = _Served("127.0.0.1", 0, PASSWORD, 0.0, None)
    async with TestClient(TestServer(served.application())) as client:

        def replay(line: Line) -> Replay:
            served.__dict__ = world(line).__dict__
            return Replay(line, client, served)

        yield replay


async def replayed(lines: list[Line]) -> dict[str, list[str]]:
    """Where the demo cluster differs from what was recorded, by line."""
    differences = {}
    async with serving() as replay_of:
        for line in lines:
            replay = replay_of(line)
            await replay.run()
            if replay.differences:
                name = f"{line['kind'].strip()} | {line['method']} {line['template']} | {line.get('who', '')}"
                differences[name] = replay.differences
    return differences


async def probed(lines: list[Line]) -> dict[str, str]:
    """Where single calls beside the round trips (stale digests, empty values, unknown keys) are answered otherwise."""
    differences = {}
    async with serving() as replay_of:
        for line in lines:
            if line.get("who") or not line.get("probes"):
                continue
            replay = await _set_up(replay_of(line), written=line["kind"].startswith("empty"))
            for probe in line["probes"]:
                if probe["what"].startswith(_AFTER_THE_WRITE):
                    replay = await _set_up(replay_of(line), written=True)
                elif probe["what"].startswith(_BY_ITSELF):
                    replay = await _set_up(replay_of(line), written=False)
                status, reason, body = await replay.call(probe, replay.as_root())
                same_words = status == 200 or _words(reason) == _words(probe.get("reason") or reason)
                if status != probe["status"] or not same_words:
                    told = f"{_answer(status, body)} for {probe['status']} {probe.get('reason')} {probe.get('errors')}"
                    differences[f"{line['kind']} | {probe['what']}"] = told
    return differences


_AFTER_THE_WRITE = ("second identical", "delete twice", "change while locked", "delete lock without")
_BY_ITSELF = ("digest 000", "delete with purge")


async def _set_up(replay: Replay, *, written: bool) -> Replay:
    headers = await as_caller(replay)
    for call in [*replay.line.get("setup", ()), *([replay.line["write"]] if written else [])]:
        await replay.call(call, headers)
    return replay


# Who called.


async def as_caller(replay: Replay) -> dict[str, str]:
    """The headers of whoever the recorded write was sent by; accounts that no setup made are made here."""
    line, pve = replay.line, replay.pve
    who = line.get("who", "ticket of root@pam" if "root ticket" in line["kind"] else "")
    if not who:
        return replay.as_root()
    if "who" in line:
        _accounts_of(line, pve)
    if "root@pam" in who and "ticket" in who:
        return await _ticket(replay, "root@pam")
    if who == "root's token":
        return replay.as_root()
    user = "root@pam" if "of root@pam" in who else "alice@pve"
    if "token" in who:
        full = f"{user}!own"
        secret = pve.apitokens.get(full, "gone")
        if "afterwards" in line["kind"] and replay.line["write"]["status"] == 401:
            pve.apitokens[full] = str(uuid.uuid4())
        return {"Authorization": f"PVEAPIToken={full}={secret}"}
    headers = await _ticket(replay, user)
    if "half ticket" in who or "one call" in who:
        pve.factors["alice@pve"] = {"x": {"id": "x", "type": "totp", "_secret": OTP_SECRET, "created": 1}}
        headers = await _ticket(replay, user)
        del pve.factors["alice@pve"]
    if "without CSRF" in line["kind"]:
        del headers["CSRFPreventionToken"]
    return headers


async def _ticket(replay: Replay, user: str) -> dict[str, str]:
    form = {"username": user, "password": replay.pve.users.get(user, PASSWORD)}
    answer = await _login(replay, form)
    if answer.get("NeedTFA") and "2 steps" in replay.line.get("who", ""):
        recovery = "recovery" in replay.pve.factors[user]
        factor = f"recovery:{OTP_SECRET}" if recovery else f"totp:{totp_code(OTP_SECRET, time.time())}"
        form |= {"password": factor, "tfa-challenge": answer["ticket"]}
        answer = await _login(replay, form)
    csrf = answer["CSRFPreventionToken"]
    return {"Cookie": f"PVEAuthCookie={answer['ticket']}", "CSRFPreventionToken": csrf}


async def _login(replay: Replay, form: dict[str, str]) -> Any:
    async with replay.client.post("/api2/json/access/ticket", data=form) as response:
        return json.loads(await response.text())["data"]


def _accounts_of(line: Line, pve: DemoPve) -> None:
    """Alice with her tokens and factors as the GETs before show them, and with the rights that ``who`` tells."""
    who, before = line["who"], {get["path"]: get for get in line["before"]}
    own = before.get("/access/users/alice@pve", {"status": 200, "data": {}})
    user = dict(own["data"] or {})
    tokens = dict(user.pop("tokens", None) or {})
    user.pop("groups", None)
    pve.accounts.users["alice@pve"] = {"enable": 1, "expire": 0, **user}
    pve.users["alice@pve"] = "pass-67890" if "password back" in line["kind"] else PASSWORD
    for name in ("alice@pve", "root@pam"):
        for token in before.get(f"/access/users/{name}/token", {}).get("data") or ():
            options = {key: value for key, value in token.items() if key != "tokenid"}
            if f"{name}!{token['tokenid']}" != ROOT_TOKEN:
                pve.add_token(f"{name}!{token['tokenid']}")
                pve.accounts.tokens[f"{name}!{token['tokenid']}"] = options
    for name, options in tokens.items():
        pve.add_token(f"alice@pve!{name}")
        pve.accounts.tokens[f"alice@pve!{name}"] = options
    if "disabled" in line["kind"]:
        pve.accounts.users["alice@pve"]["enable"] = 0
    for role, path in (("PVEUserAdmin", "/access"), ("PVEAdmin", "/"), ("Administrator", "/")):
        if f"user {role}" in who:
            pve.accounts.grant(path, ("user", "alice@pve"), role)
    if "token with PVEUserAdmin" in who:
        pve.accounts.grant("/access", ("token", "alice@pve!own"), "PVEUserAdmin")
    for entry in before.get("/access/tfa/alice@pve", {}).get("data") or ():
        secret = [OTP_SECRET] if entry["type"] == "recovery" else OTP_SECRET
        pve.factors.setdefault("alice@pve", {})[entry["id"]] = {**entry, "_secret": secret}


# Small helpers.


def _pairs(data: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for key, value in data.items():
        pairs += [(key, str(each)) for each in (value if isinstance(value, list) else [value]) if each is not None]
    return pairs


def _without_digest(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "digest"} if isinstance(value, dict) else value


def _answer(status: int, body: Line) -> str:
    return f"{status} {body.get('message')} {body.get('errors') or ''}"


def _words(text: str) -> str:
    return PERL_PLACE.sub("", text or "").strip()


def _contrast(ours: Any, theirs: Any) -> str:
    return "; ".join(_contrasts(ours, theirs))[:600]


def _contrasts(ours: Any, theirs: Any, at: str = "") -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                yield from _contrasts(ours.get(key), theirs.get(key), f"{at}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        extra, lacking = [each for each in ours if each not in theirs], [each for each in theirs if each not in ours]
        yield f"{at}: extra {extra}, lacks {lacking}"
    else:
        yield f"{at}: {ours!r} for {theirs!r}"
