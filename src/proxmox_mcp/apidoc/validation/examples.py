"""Example property strings by parameter. A hint shows only an example that the schema accepts."""

# Tested through tests/apidoc/validation/test_hints.py.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DISK = ("local-lvm:32,discard=on,ssd=1", "local-lvm:32,discard=on", "local-lvm:32")

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "agent": ("1,fstrim_cloned_disks=1",),
    "amd-sev": ("std",),
    "audio": ("device=ich9-intel-hda,driver=spice",),
    "boot": ("order=scsi0;net0",),
    "bwlimit": ("clone=102400,migration=102400",),
    "cdrom": ("local:iso/debian.iso,media=cdrom",),
    "cicustom": ("user=local:snippets/user.yml",),
    "cpu": ("host,flags=+aes", "host"),
    "dev": ("/dev/ttyUSB0,mode=0660",),
    "dhcp-range": ("start-address=10.0.0.10,end-address=10.0.0.99",),
    "efidisk": ("local-lvm:1,efitype=4m,pre-enrolled-keys=1",),
    "features": ("nesting=1,keyctl=1",),
    "fleecing": ("enabled=1,storage=local-lvm",),
    "hostpci": ("0000:01:00.0,pcie=1",),
    "ide": _DISK,
    "ipconfig": ("ip=10.0.0.5/24,gw=10.0.0.1",),
    "link": ("10.0.0.1,priority=10",),
    "machine": ("q35,viommu=intel", "q35"),
    "memory": ("4096",),
    "migration": ("secure,network=10.0.0.0/24",),
    "mp": ("local-lvm:8,mp=/data",),
    "net": ("virtio,bridge=vmbr0,tag=20", "name=eth0,bridge=vmbr0,ip=dhcp"),
    "numa": ("cpus=0-3,memory=4096",),
    "performance": ("max-workers=4",),
    "prune-backups": ("keep-last=3,keep-daily=7",),
    "rng": ("/dev/urandom,max_bytes=1024,period=1000",),
    "rootfs": ("local-lvm:8",),
    "sata": _DISK,
    "scsi": _DISK,
    "smbios": ("uuid=2a1b6e1c-8a3f-4b7e-9f43-0f6f3c0b6d11",),
    "spice_enhancements": ("foldersharing=1",),
    "target-endpoint": ("host=10.0.0.9,apitoken=PVEAPIToken=user@realm!name=SECRET",),
    "tpmstate": ("local-lvm:1,version=v2.0",),
    "unused": ("local-lvm:vm-100-disk-1",),
    "usb": ("host=1234:abcd",),
    "vga": ("virtio,memory=64",),
    "virtio": ("local-lvm:32,discard=on", "local-lvm:32"),
    "virtiofs": ("share,cache=auto",),
    "watchdog": ("i6300esb,action=reset",),
    "webauthn": ("rp=pve.example.com,origin=https://pve.example.com:8006,id=pve.example.com",),
}
