"""Certificates read from their DER, trusted or not."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.certificates import make
from proxmox_mcp.doctor.certificate import read_certificate

if TYPE_CHECKING:
    from pathlib import Path

# cryptography warns of odd certificates that it reads, such as those with a serial number below 1.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_who_it_is_for_and_until_when(tmp_path: Path) -> None:
    made = make(tmp_path, ("pve1", "pve1.example.org", "10.0.0.1", "fd00::1"), ends=30.5)
    read = read_certificate(made.der)
    assert read.subject == {"O": "Proxmox Virtual Environment", "CN": "pve1.example.org"}
    assert read.self_signed
    assert read.names == ("pve1", "pve1.example.org", "10.0.0.1", "fd00::1")
    assert read.days_left == 30
    assert read.fingerprint == made.fingerprint
    assert read.begun


def test_one_that_is_not_good_yet(tmp_path: Path) -> None:
    assert not read_certificate(make(tmp_path, begins=1).der).begun


@pytest.mark.parametrize("years", [1, 30])
def test_both_forms_of_time_are_read(tmp_path: Path, years: int) -> None:
    """RFC 5280 writes years up to 2049 with two digits, later ones with four."""
    assert read_certificate(make(tmp_path, ends=366 * years + 0.5).der).days_left == 366 * years


def test_the_authority_of_a_cluster_is_recognised(tmp_path: Path) -> None:
    assert read_certificate(make(tmp_path, organisation="PVE Cluster Manager CA").der).by_the_cluster
    assert not read_certificate(make(tmp_path).der).by_the_cluster


def test_public_authorities_are_read_as_openssl_reads_them() -> None:
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=certifi.where())
    known = context.get_ca_certs()
    ders = context.get_ca_certs(binary_form=True)
    assert len(ders) == len(known) > 50
    ends = sorted(ssl.cert_time_to_seconds(str(each["notAfter"])) for each in known)
    assert sorted(int(read_certificate(der).not_after.timestamp()) for der in ders) == ends


@given(st.binary(max_size=300))
def test_what_is_no_certificate_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_certificate(data)


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_certificate_is_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not _SOUND:
        _SOUND.extend(make(tmp_path_factory.mktemp("certificate")).der)
    der = bytearray(_SOUND)
    der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_certificate(bytes(der))
    except ValueError:
        return


_SOUND = bytearray()
