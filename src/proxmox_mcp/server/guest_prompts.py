"""Prompts for servers that run commands in guests: each a plan, so that a person confirms once.

A command whose exit code tells something else than its failure ends with ``true``: another code would end the plan.
"""

# Tested through tests/server/test_prompts.py.

from __future__ import annotations

from typing import Any

from proxmox_mcp.server.prompt import Prompt

_GUEST = {"guest": "id or name of the guest"}
_AS_IT_IS = "Propose exactly this plan with proxmox_api_plan, so that I confirm once"


def _in_guest(*command: str, timeout: int = 60) -> dict[str, Any]:
    return {"guest": "{guest}", "command": list(command), "timeout": timeout}


_SERVICES = "systemctl list-units --type=service --state=running --no-legend --plain | cut -d' ' -f1"
_SNAPSHOT = "before-update"
_CERTIFICATES = (
    "for f in $(find -L /etc/letsencrypt/live /etc/ssl/private /etc/pki/tls /etc/nginx /etc/apache2 /etc/haproxy "
    "/etc/postfix /etc/dovecot /opt /srv -type f \\( -name '*.pem' -o -name '*.crt' \\) 2>/dev/null | head -n 200); do "
    "openssl x509 -noout -subject -enddate -in $f 2>/dev/null | sed s,^,$f:\\ ,; done; true"
)
_PORTS = (
    "for p in 443 465 636 853 993 995 5432 6443 8006 8443 9443; do timeout 3 openssl s_client -connect localhost:$p "
    "</dev/null 2>/dev/null | openssl x509 -noout -subject -enddate 2>/dev/null | sed s,^,port\\ $p:\\ ,; done; true"
)

IN_GUESTS = (
    Prompt(
        "update_guest",
        "Update a guest",
        "Snapshot, package updates, services before and after, what needs a restart",
        f"Update the packages of guest `{{guest}}`. {_AS_IT_IS}; only if the guest has no apt, put the commands of its "
        "package manager (apk, dnf, pacman, zypper) in place of apt-get, and if there is a snapshot of that name, take "
        "another name. Then tell me which packages changed, which services ran before and don't run now, which units "
        "failed, and what needs a restart. If something broke, ask me whether to roll back; only after my yes propose "
        f"a plan with POST nodes/*/guests/{{guest}}/snapshot/{_SNAPSHOT}/rollback, which loses all that was written "
        "since. If all is well, ask whether the snapshot can go.",
        _GUEST,
        (
            {
                "method": "POST",
                "path": "nodes/*/guests/{guest}/snapshot",
                "data": {"snapname": _SNAPSHOT, "description": "Before an update of packages"},
            },
            _in_guest(_SERVICES),
            _in_guest("apt-get", "update", timeout=600),
            _in_guest("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "upgrade", timeout=600),
            _in_guest(_SERVICES),
            _in_guest("systemctl --failed --no-legend --plain; true"),
            _in_guest("needrestart -b 2>/dev/null; ls /var/run/reboot-required 2>/dev/null; true"),
        ),
    ),
    Prompt(
        "what_fills_the_disk",
        "Find what fills a disk",
        "Largest directories, deleted files that are still open, logs and caches of a guest",
        f"The disk of guest `{{guest}}` is filling. {_AS_IT_IS}: it only looks. Say what takes the room, what could go "
        "and how much that frees. Delete nothing before I agree to each.",
        _GUEST,
        (
            _in_guest("df -h; df -i"),
            _in_guest("du -xh -d 3 / 2>/dev/null | sort -h | tail -n 30", timeout=600),
            _in_guest(
                "find / -xdev -type f -size +100000k -exec ls -lh {} + 2>/dev/null | head -n 30; true", timeout=600
            ),
            _in_guest("find /proc/[0-9]*/fd -lname '*(deleted)' -exec ls -lL {} + 2>/dev/null | head -n 30; true"),
            _in_guest("journalctl --disk-usage 2>/dev/null; du -sh /var/log /var/cache /tmp 2>/dev/null; true"),
        ),
    ),
    Prompt(
        "service_does_not_start",
        "Why a service does not start",
        "Status, log, unit and free space for a service in a guest",
        f"Service `{{service}}` in guest `{{guest}}` does not start. {_AS_IT_IS}: it only looks. Then run the check "
        "that the program has for its configuration, if any (nginx -t, sshd -t, apachectl configtest). Say why it "
        "fails and what to change. Change nothing before I agree.",
        {**_GUEST, "service": "name of the service"},
        (
            _in_guest("sh", "-c", 'systemctl status --no-pager -l -- "$1"; true', "sh", "{service}"),
            _in_guest("sh", "-c", 'journalctl -n 80 --no-pager -u "$1"; true', "sh", "{service}"),
            _in_guest("sh", "-c", 'systemctl cat --no-pager -- "$1"; true', "sh", "{service}"),
            _in_guest("df -h; free -m; ss -ltnp 2>/dev/null; true"),
        ),
    ),
    Prompt(
        "expiring_certificates",
        "Certificates that run out",
        "TLS certificates in a guest with their dates, soonest first",
        f"Which TLS certificates of guest `{{guest}}` run out? {_AS_IT_IS}: it only looks, at files and at what the "
        "ports of the guest show. Give name, place and last day, soonest first, and how each is renewed. Change "
        "nothing.",
        _GUEST,
        (
            _in_guest(_CERTIFICATES),
            _in_guest(_PORTS, timeout=120),
            _in_guest("systemctl list-timers --all --no-pager 2>/dev/null | grep -iE 'certbot|acme|lego'; true"),
        ),
    ),
)
