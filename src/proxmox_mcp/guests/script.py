"""What runs in a container: one line typed at its prompt, then a script that the line reads, and the report at the end.

Everything that the guest says is framed by a nonce that is made for the one call and appears in no argument, file or
variable that a command inherits; what a command prints goes into files and leaves as base64 with its length and
digest. So no output ends the protocol early or is taken for a report. (A guest whose root is hostile can lie about its
own results: nothing that runs inside it could prevent that.)

Nothing stays behind, whatever happens to the connection: a read of the terminal ends after ``SILENCE`` without a byte,
and each loop that reads it then kills the command, removes the files and ends the shell, which ends the session. The
client writes a line now and then while a command runs. Two things end a read, since no shell knows both: the terminal
is set so (VMIN 0, VTIME), which BusyBox (1.35) passes over as it waits in ``poll``, and ``read -t``, which dash lacks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets

from msgspec import Struct

from proxmox_mcp.guests.model import Output

SILENCE = 20.0
"""Seconds without a line after which the guest's side ends itself. VTIME counts in tenths, 255 at the most."""
LINE = 900
"""Bytes of a line: with ``WINDOW`` of them unacknowledged all that is under way fits into any of the 4,096-byte buffers
on the way (termproxy, two ptys); 300 kB without acknowledgement once killed the connection."""
WINDOW = 4
KEPT_MORE = 64 * 1024
"""Bytes that a file of output may take beyond the limit: it is cut to the limit when it is sent."""
TICKS = 100
"""USER_HZ, the unit of times in /proc, is 100 on every Linux that runs containers."""

NEW = 60
"""Seconds within which a shell was started that shows us a prompt and whose age we could not answer: nobody leaves a
terminal so soon after opening it with something in it to keep."""
TOLD_BY = 8
"""Bytes of the line that is typed after which it can be nobody else's: five digits of the mark are among them. dtach
passes on eight at a time, so a line that is cut is hardly ever shorter."""


class Nonces(Struct, frozen=True):
    """Random for one call. ``mark`` is in the line that is typed (so in the shell's echo and its ``ps``), in two halves
    so that the echo never looks like an answer; ``nonce`` frames the report and is sent later, where nobody sees it."""

    mark: str
    nonce: str
    directory: str

    @classmethod
    def make(cls) -> Nonces:
        return cls(secrets.token_hex(8), secrets.token_hex(16), secrets.token_hex(8))

    @property
    def halves(self) -> str:
        return f"{self.mark[:8]} {self.mark[8:]}"


# Reads a line into l. A shell without ``read -t`` says so with status 2.
_READ_LINE = "r(){ read -t @SECONDS@ -r l 2>/dev/null||{ [ $? = 2 ]&&read -r l;};}"
_BOOTSTRAP = (
    # A leading blank keeps it out of a history that ignores such lines. The mark comes first, so that even a short
    # beginning tells whose line it is (``TOLD_BY``). The first shell tells how old the shell is that shows the prompt
    # (its parent), and goes on only if the client answers that this is not older than its connection: an older one is a
    # person's. So a slow node makes no difference. Where no answer comes, or only its beginning, the connection broke:
    # a shell that is new all the same is ours, and ends (status 3). An empty line is an answer, a person's Enter.
    " M=@FIRST@ W=@SECOND@ sh -c '"
    "read -r x </proc/$PPID/stat;set -- ${x##*) };a=${20};read -r x </proc/$$/stat;set -- ${x##*) };"
    "a=$((${20}-a));t=$(stty -g)||exit;stty -icanon min 0 time @TENTHS@;"
    f'{_READ_LINE};printf "\\n%s%s:age:%s:\\n" $M $W $a;y=ours-$W$M;l=;r&&l=.$l;stty $t;[ "$l" = .$y ]||{{ '
    'case $y in "$l"*)case $l in ""|ours-*)[ $a -lt @NEW@ ]&&exit 3;esac;esac;exit 1;}\''
    # HISTFILE goes before the exec, at which bash writes its history; nothing is typed at a prompt after it.
    ' && H=$HISTFILE && unset HISTFILE && exec env H="$H" sh -c \''
)
_OF_NO_ANSWER = "'||[ $? -ne 3 ]||{ unset HISTFILE;exit;}\r"
_READ_SCRIPT = (
    f'stty -echo -icanon min 0 time @TENTHS@||exit;{_READ_LINE};printf "\\n%s%s:ready\\n" @HALVES@;B=;'
    "while r;do case $l in "
    '.)eval "$(printf %s "$B"|base64 -d)";exit;;esac;printf "%s\\n" "$l";B=$B$l;done'
)
_LEAVE = "exit"


def answer(nonces: Nonces, *, ours: bool) -> bytes:
    """What the typed line waits for once it has told the age of the shell: the halves of the mark in the other order.
    The line makes the same of its variables, so that it doesn't hold the answer."""
    return f"{'ours' if ours else 'left'}-{nonces.mark[8:]}{nonces.mark[:8]}\n".encode()


def bootstrap(nonces: Nonces, *, leave: bool = False) -> bytes:
    """The line to type at a fresh prompt of a POSIX shell. It tells the age of that shell (``TICKS``) and waits for the
    ``answer``. With ``leave`` the shell only ends then."""
    inner = _LEAVE if leave else _READ_SCRIPT
    line = _BOOTSTRAP + inner + _OF_NO_ANSWER
    first, second = nonces.halves.split()
    values = {"FIRST": first, "SECOND": second, "NEW": str(NEW * TICKS)}
    return _filled(line, nonces, **values).encode()


# Read by the shell that ran ``_READ_SCRIPT``, whose ``r`` it uses.
_SCRIPT = r"""
N=@NONCE@ T= p= w= t=0 held=0
unset B l
say() { printf '\n%s:%s\n' "$N" "$1"; }
size() { wc -c <"$1" | tr -d ' '; }
quit() {
  trap '' HUP INT TERM
  [ -z "$p" ] || kill -KILL -"$p" 2>/dev/null
  [ -z "$w" ] || kill -KILL "$w" 2>/dev/null
  [ -z "$T" ] || rm -rf "$T"
  exit 0
}
trap quit HUP INT TERM
missing=
for x in base64 cat head mkdir mkfifo rm setsid sha256sum sleep tr wc; do
  command -v "$x" >/dev/null 2>&1 || missing="$missing $x"
done
[ -z "$missing" ] || { say "missing$missing:"; quit; }
for d in /dev/shm /run /tmp /var/tmp; do
  T=$d/.@DIRECTORY@
  (umask 077; mkdir "$T") 2>/dev/null && break
  T=
done
[ -n "$T" ] || { say 'no-directory:'; quit; }
# A busybox ash writes a line into its history before it runs it: take out the one that was typed, and no other.
[ -n "$H" ] || H=$HOME/.ash_history
if [ -f "$H" ] && [ ! -L "$H" ] && grep -qF '@HALVES@' "$H" 2>/dev/null; then
  (umask 077; grep -vF '@HALVES@' "$H" >"$T/h")
  if [ -s "$T/h" ]; then cat "$T/h" >"$H"; else rm -f "$H"; fi
  rm -f "$T/h"
fi
unset H
# Reads base64 lines into a file, giving each back; the client compares, so that what arrived is what was sent.
take() {
  while r; do
    [ "$l" != . ] || return 0
    printf '%s\n' "$l"
    printf '%s\n' "$l" >&4
  done 4>"$1"
  quit
}
say ready:
take "$T/c64"
take "$T/i64"
base64 -d <"$T/c64" >"$T/c" && base64 -d <"$T/i64" >"$T/i" && mkfifo "$T/p1" "$T/p2" || { say 'no-space:'; quit; }
rm -f "$T/c64" "$T/i64"
r
[ "$l" = "$N:go" ] || quit
C=$(cat "$T/c"; printf x)
C=${C%x}
[ -n "$HOME" ] || export HOME=/root
cd /
# Each stream goes through a pipe into a file that is cut: by the size of a file, since head may keep what it has read
# in a buffer when it is stopped. In a session of its own, so that it outlives this one where a process in the
# background goes on with the pipe: told so (USR1) it becomes a cat that throws away, or that process would die of it.
reader='ulimit -c 0; ulimit -f $1
h=; trap "kill \$h; exec cat <&3 >/dev/null" USR1
cat <&3 >"$2" & h=$!; wait $h || { wc -c <&3 >"$3" & h=$!; wait $h; }
: >"$4"'
setsid sh -c "$reader" sh @BLOCKS@ "$T/o" "$T/ox" "$T/oe" 3<"$T/p1" </dev/null >/dev/null 2>&1 & ro=$!
setsid sh -c "$reader" sh @BLOCKS@ "$T/e" "$T/ex" "$T/ee" 3<"$T/p2" </dev/null >/dev/null 2>&1 & re=$!
exec 5<&0
setsid sh -c "$C" <"$T/i" >"$T/p1" 2>"$T/p2" 5<&- & p=$!
# Reads what the client writes while the command runs, and answers with how much there is of its output and errors.
# Silence, or the word, stops the command.
(
  trap '' HUP INT TERM
  while r; do
    case $l in
      "$N:stop") break ;;
      "$N:beat") say "at:$(size "$T/o"):$(size "$T/e"):" ;;
    esac
  done <&5
  : >"$T/t"
  # Short sleeps: one that is under way when this is killed goes on for a moment.
  kill -TERM -"$p"; sleep 1; sleep 1; kill -KILL -"$p"
  for x in 1 2 3 4 5 6 7 8; do sleep 1; done
  rm -rf "$T"; kill -KILL $$
) </dev/null 2>/dev/null & w=$!
exec 5<&-
wait "$p"; r=$?
if [ -e "$T/t" ]; then t=1; sleep 1; kill -KILL -"$p" 2>/dev/null; fi
kill -KILL "$w" 2>/dev/null; wait "$w" 2>/dev/null; w=
p=
n=0
until [ -e "$T/oe" ] && [ -e "$T/ee" ]; do
  n=$((n+1)); [ $n -le 12 ] || { held=1; break; }
  sleep 0.1 2>/dev/null || { sleep 1; n=12; }
done
[ -e "$T/oe" ] || kill -USR1 "$ro" 2>/dev/null
[ -e "$T/ee" ] || kill -USR1 "$re" 2>/dev/null
: >>"$T/o"; : >>"$T/e"
head -c @LIMIT@ "$T/o" >"$T/1"; head -c @LIMIT@ "$T/e" >"$T/2"
figures() {
  x=$(sha256sum <"$1")
  printf '%s:%s:%s:' "$(size "$1")" "${x%% *}" "$(($(size "$2") - $(size "$1")))"
  [ ! -s "$3" ] || tr -dc 0-9 <"$3"
  printf ':'
}
tell() {
  say "end:$r:$t:$held:$(figures "$T/1" "$T/o" "$T/ox")$(figures "$T/2" "$T/e" "$T/ex")"
  base64 <"$T/1"; say middle:; base64 <"$T/2"; say done:
}
tell; n=1
while r; do
  case $l in
    "$N:ok") break ;;
    "$N:again") [ $n -lt 3 ] || break; n=$((n+1)); tell ;;
  esac
done
quit
"""


def script(nonces: Nonces, *, limit: int) -> bytes:
    """The script that the typed line reads and runs: takes command and input, runs it, reports, cleans up."""
    blocks = str((limit + KEPT_MORE) // 512)
    return _filled(_SCRIPT, nonces, LIMIT=str(limit), BLOCKS=blocks).encode()


def lines(data: bytes) -> list[bytes]:
    """Base64 of ``data`` in lines of ``LINE`` bytes, as they are sent and given back."""
    encoded = base64.b64encode(data)
    return [encoded[i : i + LINE] for i in range(0, len(encoded), LINE)]


def _filled(text: str, nonces: Nonces, **values: str) -> str:
    values |= {"HALVES": nonces.halves, "NONCE": nonces.nonce, "DIRECTORY": nonces.directory}
    values |= {"SECONDS": f"{SILENCE:.0f}", "TENTHS": f"{SILENCE * 10:.0f}"}
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], text)


class ScriptReport(Struct, frozen=True):
    """What the script says at the end. ``held``: a process in the background kept an output open."""

    exit_code: int
    stopped: bool
    held: bool
    stdout: Output
    stderr: Output


class DamagedError(Exception):
    """A report that came whole, and not as it was sent: something else wrote to the terminal."""


_STREAM = rb"(\d+):([0-9a-f]{64}):(\d+):(\d*):"


def report_in(received: bytes, nonce: str) -> ScriptReport | None:
    """The report in what a terminal has shown since the command was started; None where it has not come whole.

    Raises DamagedError. Linear in what was received.
    """
    name = re.escape(nonce.encode())
    begin = re.search(rb"\n%s:end:(\d+):([01]):([01]):%s%s\r*\n" % (name, _STREAM, _STREAM), received)
    end_mark = b"\n%s:done:" % nonce.encode()
    end = received.find(end_mark, begin.end() - 1 if begin else 0)
    if end < 0:
        return None
    if begin is None:
        raise DamagedError
    body = received[begin.end() - 1 : end]
    first, middle, second = body.partition(b"\n%s:middle:" % nonce.encode())
    if not middle:
        raise DamagedError
    groups = begin.groups()
    stdout, stderr = _stream(first, groups[3:7]), _stream(second, groups[7:11])
    return ScriptReport(int(groups[0]), groups[1] == b"1", groups[2] == b"1", stdout, stderr)


def _stream(encoded: bytes, figures: tuple[bytes, ...]) -> Output:
    size, digest, over, rest = figures
    try:
        data = base64.b64decode(re.sub(rb"[\r\n]+", b"", encoded), validate=True)
    except binascii.Error:
        raise DamagedError from None
    if len(data) != int(size) or hashlib.sha256(data).hexdigest().encode() != digest:
        raise DamagedError
    dropped = int(over) + int(rest or 0)
    return Output(data, bool(dropped), dropped)
