"""What each named format takes, and what it doesn't: values of our own, by the rules of Proxmox's code."""

from __future__ import annotations

import gzip
import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import processor_seconds
from proxmox_mcp.apidoc import Schema, load_index
from proxmox_mcp.apidoc.formats import FORMATS, find_format
from proxmox_mcp.apidoc.validation.checker import formats_of
from proxmox_mcp.apidoc.validation.compiler import Compiler
from proxmox_mcp.apidoc.validation.structures import structures

if TYPE_CHECKING:
    from pathlib import Path

PEM = "-----BEGIN {0}-----\nMIIBszCCARygAwIBAgIJ\nAKHB+w==\n-----END {0}-----\n"
CERTIFICATE = PEM.format("CERTIFICATE")

TAKEN = {
    "pve-node": ["a", "PVE-1", "node\n"],
    "pve-vmid": ["100", "999999999"],
    "pve-configid": ["ab", "A_-9"],
    "pve-storage-id": ["st", "nfs.a_b-9"],
    "pve-bridge-id": ["vmbr0", "brücke", "-.-"],
    "pve-iface": ["eno1", "bond0.100", "eth0:1"],
    "pve-userid": ["root@pam", "a@b@realm"],
    "pve-tokenid": ["root@pam!tok"],
    "pve-poolid": ["a", "a/b/c"],
    "pve-replication-job-id": ["100-0", "0100-3"],
    "pve-sdn-vnet-id": ["v1", "abcdefgh"],
    "pve-sdn-subnet-id": ["10.0.0.0/24", "zone-10.0.0.0-24", "z-fd00::-64"],
    "pve-ha-resource-or-vm-id": ["vm:100", "100"],
    "pve-ha-node": ["pve1", "pve1:20"],
    "pve-tag": ["_x", "A.b+c"],
    "urlencoded": ["", "ssh-rsa%20AAA", "a!~*'()"],
    "ipv4": ["0.0.0.0", "255.255.255.255"],
    "ipv6": ["::", "1::", "::ffff:1.2.3.4", "1:2:3:4:5:6:7::", "FE80::A"],
    "ipv4mask": ["0.0.0.0", "255.255.254.0", "255.255.255.255"],
    "CIDRv4": ["10.0.0.1/8", "10.0.0.1/32"],
    "CIDRv6": ["fd00::1/8", "::/128"],
    "IPorCIDR": ["10.0.0.5", "10.0.0.5/24", "0.0.0.0/0", "fd00::5/64"],
    "IPorCIDRorAlias": ["web", "dc/web", "guest/w_1", "10.0.0.0/8"],
    "address": ["::1", "pve.example.com"],
    "mac-addr": ["BC:24:11:00:00:01", "02:aa:bb:cc:dd:ee"],
    "mac-prefix": ["bc", "BC:24:11", "bc:", "bc:2"],
    "email-opt": ["", "0", "a.b+c@x"],
    "pve-ipv4-config": ["dhcp", "manual", "10.0.0.1/24"],
    "pve-ipv6-config": ["auto", "fd00::1/64"],
    "lxc-ip-with-ll-iface": ["10.0.0.1", "fe80::1%eth0"],
    "pve-vlan-id-or-range": ["2", "2-4094", "10-0"],
    "pve-sdn-bgp-rt": ["65000:1", "4294967295:0"],
    "pve-sdn-isis-net": ["49.0001.1921.6800.1002.00"],
    "pve-storage-portal-dns": ["10.0.0.5", "san:3260", "[fd00::1]:3260", "fd00::1", "fd00::1.3260"],
    "pve-fw-addr-spec": ["", "+set", "web", "10.0.0.1,10.0.0.8/29", "10.0.0.1-10.0.0.9", "fd00::/64", "8"],
    "pve-fw-dport-spec": ["", "22", "22,80:90,https", "echo-request", "0", "65535"],
    "pve-fw-sport-spec": ["22:22", "ssh"],
    "pve-fw-protocol-spec": ["", "0", "tcp", "6", "ipv6-icmp"],
    "pve-fw-icmp-type-spec": ["", "any", "echo-request", "packet-too-big"],
    "pve-fw-conntrack-helper": ["", "ftp,tftp"],
    "disk-size": ["32", "1.5T", "32GiB"],
    "pve-volume-id": ["st:1", "local:iso/a b.iso"],
    "pve-volume-id-or-qm-path": ["none", "cdrom", "/dev/sda", "local-lvm:32"],
    "pve-storage-path": ["/a", "/a;b"],
    "pve-storage-content-list": ["iso,images", "none"],
    "pve-storage-zfs-blocksize": ["", "512", "16k", "16M"],
    "pve-dir-override-list": ["iso=a/b", "backup=/x,iso=.hidden"],
    "storage-pair-list": ["1", "a1:b1,c1", "0"],
    "bridge-pair-list": ["vmbr0:vmbr1"],
    "pve-lxc-mp-string": ["local:8", "/mnt/a.b"],
    "pve-lxc-dev-string": ["/dev/ttyUSB0"],
    "pve-qm-bootdisk": ["scsi30", "efidisk0"],
    "pve-qm-bootdev-list": ["scsi0;net31"],
    "pve-startup-order": ["1", "order=1,up=2,down=3", ","],
    "pve-cpuset": ["", "0-3, 7 "],
    "pve-hotplug-features": ["0", "1", "disk,cloudinit"],
    "pve-ct-timezone": ["host", "UTC", "Europe/Vienna", "America/Argentina/Ushuaia"],
    "pve-phys-bits": ["host", "8", "64"],
    "pve-acme-domain": ["a.b"],
    "pve-acme-alias": ["_acme.b"],
    "pem-string": [PEM.format("PRIVATE KEY"), "noise " + CERTIFICATE],
    "pem-certificate-chain": [CERTIFICATE, CERTIFICATE * 2],
    "pve-command-batch": ["[]", '[{"method":"GET","path":"version"}]'],
    "pve-day-of-week-list": ["mon,sun"],
    "pve-task-status-type": ["OK"],
}

REFUSED = {
    "pve-node": ["", "a.b", "a_b", "-a", "a-", "a\n\n"],
    "pve-vmid": ["99", "0100", "100.0", "1000000000"],
    "pve-configid": ["a", "1a", "a.b"],
    "pve-storage-id": ["s", "s-", "1st"],
    "pve-iface": ["e", "br-lan", "eth0.x"],
    "pve-userid": ["ab", "0", "a b@pam", "a:b@pam", "x" * 62 + "@pam"],
    "pve-tokenid": ["root@pam", "root@pam!1x"],
    "pve-poolid": ["a/b/c/d", "a//b", "/a"],
    "pve-replication-job-id": ["99-0", "100", "٣00-0"],
    "pve-sdn-vnet-id": ["v", "abcdefghi", "1v"],
    "pve-sdn-subnet-id": ["10.0.0.0-24", "zone-10.0.0.0-40"],
    "pve-ha-resource-or-vm-id": ["vm:", "VM:1"],
    "urlencoded": ["a b", "a/b", "a+b", "a=", "a@b"],
    "ipv4": ["1.2.3", "256.1.1.1", "01.2.3.4", " 1.2.3.4"],
    "ipv6": ["fe80::1%eth0", ":::", "1:2:3:4:5:6:7", "::1.2.3", "1::2::3"],
    "ipv4mask": ["255.0.255.0", "24"],
    "CIDRv4": ["10.0.0.0/7", "10.0.0.0/33", "10.0.0.0"],
    "IPorCIDR": ["10.0.0.1/33", "10.0.0.1/0", "10.0.0.0/24/8", "host"],
    "IPorCIDRorAlias": ["foo/web", "1web"],
    "address": ["0", "a..b", "a.b."],
    "mac-addr": ["BD:24:11:00:00:01", "BC-24-11-00-00-01"],
    "email": ["a", "a@", "a@b_c"],
    "lxc-ip-with-ll-iface": ["10.0.0.1%eth0", "fe80::1%"],
    "pve-vlan-id-or-range": ["1", "4095", "20-10", "10:20", "٣"],
    "pve-sdn-bgp-rt": ["65000", "4294967296:1"],
    "pve-storage-portal-dns": ["a b", "san:", "[fd00::1"],
    "pve-fw-addr-spec": [
        "10.0.0.1/24",
        "10.0.0.9-10.0.0.1",
        "10.0.0.1,fd00::1",
        "10.0.0.1,,10.0.0.2",
        "10.0.0.1-10.0.0.2,10.0.0.8",
        "10.0.0.1, 10.0.0.2",
        "+" + "a" * 65,
        "0100",
    ],
    "pve-fw-dport-spec": ["65536", "9:8", "22,", "22,echo-request", "22-25", ",".join(map(str, range(16)))],
    "pve-fw-sport-spec": ["22;23", "1.5"],
    "pve-fw-protocol-spec": ["256", "tcp/udp", "tcp\n", "tcp udp"],
    "pve-fw-icmp-type-spec": ["8", "ping", "any\n"],
    "pve-fw-conntrack-helper": ["http", "ftp,", "ftp, tftp"],
    "disk-size": ["32GB", "32g", "32 G", "G"],
    "pve-volume-id": ["st:", "s:1"],
    "pve-volume-id-or-qm-path": ["32G", "None"],
    "pve-storage-path": ["a", "/", "/;"],
    "pve-storage-content-list": ["template", "ISO"],
    "pve-storage-zfs-blocksize": ["17k", "256", "32M", "016k"],
    "pve-dir-override-list": ["iso=../x", "iso=a..b", "iso=", "foo=/x", "iso=a."],
    "storage-pair-list": ["a1:b1:c1", "a1:"],
    "pve-lxc-mp-string": ["../a", "/a/./b", "/a/.."],
    "pve-lxc-dev-string": ["/sys/a", "/dev/../a"],
    "pve-qm-bootdisk": ["scsi31", "net0"],
    "pve-qm-bootdev-list": ["efidisk0", "net32"],
    "pve-startup-order": ["", "0", "first", "order=a"],
    "pve-cpuset": ["3-1", "a", ",1"],
    "pve-hotplug-features": ["all", "0,1"],
    "pve-ct-timezone": ["utc", "CEST", "Mars/Base"],
    "pve-phys-bits": ["7", "65", "100"],
    "pve-acme-domain": ["localhost", "a..b", "*.a.b"],
    "pem-string": [CERTIFICATE * 2, "abc", "-----BEGIN X-----\n"],
    "pem-certificate-chain": [PEM.format("PRIVATE KEY"), CERTIFICATE + "x"],
    "pve-command-batch": ["{}", '[{"method":"PATCH","path":"x"}]', '[{"path":"x"}]', "[", "[NaN]"],
    "pve-day-of-week-list": ["Mon", "monday"],
}


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in table.items() for value in values]


def passes(name: str, value: str) -> bool:
    found = find_format(name)
    assert found is not None
    return bool(found.passes(value))


@pytest.mark.parametrize("name", FORMATS)
def test_the_patterns_of_a_format_are_supported(name: str) -> None:
    FORMATS[name].passes("\x01\x01\x01\x01\x01")  # What no pattern takes goes through all of them.


@pytest.mark.parametrize(("name", "value"), cases(TAKEN))
def test_a_format_takes(name: str, value: str) -> None:
    assert passes(name, value)


@pytest.mark.parametrize(("name", "value"), cases(REFUSED))
def test_a_format_refuses(name: str, value: str) -> None:
    assert not passes(name, value)


def test_a_format_that_we_dont_know_is_not_judged() -> None:
    assert find_format("pve-of-tomorrow") is None
    assert find_format("pve-of-tomorrow-list") is None


def test_a_list_may_be_empty_and_every_member_is_judged() -> None:
    assert passes("pve-vmid-list", "")
    assert passes("pve-vmid-list", " 100, 101;102\n")
    assert not passes("pve-vmid-list", "100,99")


def test_every_format_says_what_it_takes() -> None:
    assert [name for name, each in FORMATS.items() if not each.wanted] == []


@given(text=st.text(max_size=40))
def test_no_text_makes_a_format_raise(text: str) -> None:
    for each in FORMATS.values():
        each.passes(text)


def test_no_long_text_holds_up_a_format() -> None:
    units = ("a", "a.", "1.", ":", "1:", "f:", "-", "a-", "a/", ",", "1,", "=", " ", "é", "-----BEGIN ", "[{", "../")
    slowest = (0.0, "", "")
    for name, each in FORMATS.items():
        for unit in units:
            value = unit * (30_000 // len(unit)) + "!"
            slowest = max(slowest, (processor_seconds(partial(each.passes, value)), name, unit))
    assert slowest[0] < 0.5, slowest


def test_proxmoxs_own_verdicts_on_single_values_are_ours(shared_data: Path) -> None:
    index = load_index("9.1")
    compiler = Compiler(structures("9.1"), formats_of(index))
    validators = {}
    agreed, false_refusals, total = 0, [], 0
    for line in gzip.decompress((shared_data / "validator" / "formats.jsonl.gz").read_bytes()).splitlines():
        verdict = json.loads(line)
        name = verdict["format"]
        if name not in validators:
            validators[name] = compiler.validator("value", Schema(format=name))
        validate = validators[name]
        ok = validate is None or validate(verdict["value"]) is None
        total += 1
        agreed += ok == verdict["ok"]
        if verdict["ok"] and not ok:
            false_refusals.append(verdict)
    assert false_refusals == []
    assert agreed / total >= 0.99
