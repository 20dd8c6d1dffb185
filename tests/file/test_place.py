"""Where a file store may lie, and what it says when it may not."""

import errno
import os
import stat
from pathlib import Path

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.stores.file import FileStore
from krakenonce.stores.file.filesystem import mount_of, plain_errors, refuse_network
from krakenonce.stores.file.image import MappedImage
from krakenonce.stores.file.settings import FileSettings, read_url
from krakenonce.testing.waiting import Waiting, take
from tests.forking import in_forked_child

KEY = "00000000000000aa:00000000000000bb"
NOW = 1_790_000_000 * NS_PER_SECOND
MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/team rw,relatime shared:7 - nfs4 server:/team rw
31 22 0:41 / /mnt/team/fast\\040disk rw,relatime - xfs /dev/vdb rw
32 22 0:42 / /srv/host rw - 9p host rw
"""


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file://server/place", "three slashes"),
        ("file://", "without a directory"),
        ("file:///", "without a directory"),
        ("file:///x?colour=red", "knows group, locks and network"),
        ("file:///x?locks=strong", "Give ofd or flock"),
        ("file:///x?group=", "Give a group of this host"),
    ],
)
def test_malformed_urls_say_what_to_write(url, message):
    with pytest.raises(ConfigError, match=message):
        read_url(url)


def test_a_url_names_a_directory():
    settings = read_url("file:///var/lib/with%20space?group=traders&locks=flock&network=allow")
    assert settings.directory == Path("/var/lib/with space")
    assert (settings.group, settings.locks, settings.allow_network) == ("traders", "flock", True)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_files_are_private_whatever_the_umask(tmp_path, umask):
    def modes():
        os.umask(umask)
        FileStore(f"file://{tmp_path}/store").close()
        room = tmp_path / "store"
        return [oct(stat.S_IMODE(path.stat().st_mode)) for path in (room, room / "state", room / "locks")]

    assert in_forked_child(modes) == "['0o700', '0o600', '0o600']"


def test_a_group_shares_by_explicit_option(tmp_path):
    import grp

    group = grp.getgrgid(os.getegid()).gr_name
    FileStore(f"file://{tmp_path}/store?group={group}").close()
    room = tmp_path / "store"
    assert stat.S_IMODE(room.stat().st_mode) == 0o2770
    assert stat.S_IMODE((room / "state").stat().st_mode) == 0o660


def test_an_unknown_group_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no group 'nobody-knows-it'"):
        FileStore(f"file://{tmp_path}/store?group=nobody-knows-it")


def test_a_directory_open_to_everybody_is_refused(tmp_path):
    room = tmp_path / "store"
    room.mkdir()
    room.chmod(0o777)
    with pytest.raises(ConfigError, match="open to every user"):
        FileStore(f"file://{room}")


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "give the directory to the user"),
        (errno.EIO, "replace it"),
        (errno.EMFILE, "ulimit"),
    ],
)
def test_the_systems_errors_name_the_mend(number, mend):
    with pytest.raises(StoreUnavailable, match=mend), plain_errors(Path("/place")):
        raise OSError(number, os.strerror(number))


def test_a_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="no directory"):
        FileStore(f"file://{tmp_path}/file/store")


def test_a_symbolic_link_in_place_of_a_file_is_refused(tmp_path):
    room = tmp_path / "store"
    room.mkdir(0o700)
    (room / "locks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match="symbolic link"):
        FileStore(f"file://{room}")


def test_mounts_are_told_apart(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS)
    kinds = {
        path: mount_of(Path(path), table) for path in ("/var/x", "/mnt/team/x", "/mnt/team/fast disk/x", "/srv/host/x")
    }
    assert list(kinds.values()) == ["ext4", "nfs4", "xfs", "9p"]
    assert mount_of(Path("/x"), tmp_path / "missing") == ""


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "virtiofs"])
def test_network_file_systems_are_refused_unless_allowed(kind):
    settings = FileSettings("file:///x", Path("/x"))
    with pytest.raises(ConfigError, match="redis:// or postgresql://"):
        refuse_network(settings, kind)
    refuse_network(FileSettings("file:///x", Path("/x"), allow_network=True), kind)
    refuse_network(settings, "ext4")


class FailingDisk(MappedImage):
    """A disk that stops taking syncs, or runs full, when told to."""

    broken: int | None = None

    def sync(self, first, count):
        self._check()
        super().sync(first, count)

    def grow(self):
        self._check()
        super().grow()

    def _check(self):
        if FailingDisk.broken:
            raise OSError(FailingDisk.broken, os.strerror(FailingDisk.broken))


@pytest.fixture
def failing(tmp_path):
    clock = ManualClock(wall_ns=NOW)
    store = FileStore(f"file://{tmp_path}/store", clock, make=FailingDisk)
    yield store, clock
    FailingDisk.broken = None
    store.close()


def test_a_store_whose_disk_fails_serves_what_it_reserved_and_then_says_so(failing):
    """A20: never a number that the disk does not cover, never a lesser source in silence."""
    store, clock = failing
    store.release(grant := take(store, KEY), grant.low)
    FailingDisk.broken = errno.EIO
    clock.advance(4 * NS_PER_SECOND)
    store.release(grant := take(store, KEY), grant.low)
    clock.advance(4 * NS_PER_SECOND)
    assert store.acquire(KEY, 0) is None
    with pytest.raises(StoreUnavailable, match="disk reports errors"):
        Waiting(store, KEY).grant()
    FailingDisk.broken = None
    assert take(store, KEY).low > grant.low


def test_a_full_disk_refuses_new_keys_and_serves_the_old(failing):
    store, _ = failing
    store.release(grant := take(store, KEY), grant.low)
    FailingDisk.broken = errno.ENOSPC
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        _use_keys(store, 200)
    assert take(store, KEY).low > grant.low


def _use_keys(store, count):
    for number in range(count):
        store.acquire(f"{number:016x}:{number:016x}", 0)
