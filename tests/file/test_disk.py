"""A20: a disk that is really full, a directory that may not be written, a second user. With root's means where there

are any, with a user's own limits and mode bits elsewhere: each test runs everywhere.
"""

import ctypes
import os
import resource
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from krakenonce.errors import StoreUnavailable
from krakenonce.stores.file import FileStore
from krakenonce.stores.file.filesystem import mount_of
from krakenonce.testing.waiting import take
from tests.forking import in_forked_child
from tests.processes.hammering import RECORD, end, forked, hammer, open_log, problems, records
from tests.processes.lines import until

KEY = "00000000000000aa:00000000000000bb"
NOBODY, SOMEBODY = 65534, 65533
CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_PRIVATE, MS_REC = 0x20000, 1, 32, 1 << 18, 1 << 14
ROOM = 96 * 1024


def mount(place, options=b"", flags=0, kind=b"tmpfs"):
    """Put a disk of its own at *place*, for this process alone; False if this user may not."""
    system = ctypes.CDLL(None, use_errno=True)
    target = str(place).encode()
    if not flags & MS_REMOUNT:
        if os.geteuid() != 0 or system.unshare(CLONE_NEWNS) != 0:
            return False
        if system.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
            return False
    return system.mount(kind, target, kind, flags, options) == 0


def make_small(place):
    """Let this process have no more than a few pages at *place*: by a small disk, or by its own limit of file sizes."""
    if mount(place, b"size=%d,mode=0700" % ROOM):
        return "the disk is full: make room"
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
    return "ulimit -f"


def use_keys(store, first, count):
    for number in range(first, first + count):
        grant = take(store, f"{number:016x}:{0:016x}")
        store.release(grant, grant.low)


def test_a_full_disk_refuses_new_keys_says_so_and_serves_the_old(tmp_path):
    def live():
        mend = make_small(tmp_path)
        store = FileStore(f"file://{tmp_path}/store")
        use_keys(store, 0, 90)
        with pytest.raises(StoreUnavailable, match=mend):
            use_keys(store, 90, 2000)
        use_keys(store, 0, 90)
        store.numbers.next()
        store.close()
        again = FileStore(f"file://{tmp_path}/store")
        use_keys(again, 0, 90)
        again.close()
        return "served"

    assert in_forked_child(live) == "served"


def test_a_disk_that_is_full_from_the_start_is_named(tmp_path):
    def live():
        if mount(tmp_path, b"size=8192,mode=0700"):
            (tmp_path / "ballast").write_bytes(bytes(8192))
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        FileStore(f"file://{tmp_path}/store")

    answer = in_forked_child(live)
    assert answer.startswith("StoreUnavailable: file store")
    assert "make room" in answer or "ulimit -f" in answer


def test_a_directory_that_may_not_be_written_is_named(tmp_path):
    def live():
        room = tmp_path / "store"
        if mount(tmp_path, b"mode=0700"):
            room.mkdir()
            assert mount(tmp_path, flags=MS_REMOUNT | MS_RDONLY)
        else:
            room.mkdir()
            room.chmod(0o500)
        FileStore(f"file://{room}")

    answer = in_forked_child(live)
    assert answer.startswith("StoreUnavailable: file store")
    assert "read-only" in answer or "give the directory to the user" in answer


@pytest.fixture
def open_place():
    """A directory that other users reach: those of a test are their maker's alone."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


def test_an_overlay_serves_as_a_disk_does(tmp_path):
    """What containers have, see decision 40; its lower layer brings a state along, as an image does that was used once.

    Who may not mount one works on the disk itself.
    """
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    early = FileStore(f"file://{tmp_path}/lower/store")
    use_keys(early, 0, 3)
    early.close()

    def live():
        room = tmp_path / "merged"
        layers = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
        is_overlay = mount(room, layers.encode(), kind=b"overlay")
        url, log = f"file://{room}/store", open_log(room / "log")
        assert not is_overlay or mount_of(room) == "overlay"
        carried = FileStore(url)
        held = take(carried, KEY)
        other = FileStore(url)
        assert other.acquire(KEY, 0) is None
        carried.release(held, held.low)
        children = [forked(lambda: hammer(FileStore(url), KEY, log)) for _ in range(3)]
        until(lambda: os.fstat(log).st_size > 400 * RECORD.size)
        end(children.pop())
        size = os.fstat(log).st_size
        until(lambda: os.fstat(log).st_size > size + 400 * RECORD.size)
        for child in children:
            end(child)
        return problems(records(room / "log"))

    assert in_forked_child(live) == "[]"


def become(user, group, umask):
    """Go on as another user; only root can, and stays what it is otherwise."""
    os.umask(umask)
    if os.geteuid() == 0:
        os.setgroups([group])
        os.setgid(group)
        os.setuid(user)


def test_a_second_user_without_the_group_is_refused_with_the_mend(open_place):
    room = open_place / "store"
    FileStore(f"file://{room}").close()

    def live():
        if os.geteuid() != 0:
            for path in (*room.iterdir(), room):
                path.chmod(0o000)  # what another user would meet
        become(NOBODY, NOBODY, 0o022)
        FileStore(f"file://{room}")

    answer = in_forked_child(live)
    room.chmod(0o700)
    assert "this user may not use it: give the directory to the user, or share it by ?group=NAME" in answer


@pytest.mark.parametrize(("first", "second"), [(0o077, 0o000), (0o000, 0o077), (0o777, 0o777)])
def test_two_users_of_a_group_share_whatever_their_umasks(open_place, first, second):
    """Each makes files that the other must be able to use: slots, events, a state that has grown."""
    import grp

    group = NOBODY if os.geteuid() == 0 else os.getegid()
    url = f"file://{open_place}/store?group={grp.getgrgid(group).gr_name}"

    def live(user, umask, key):
        become(user, group, umask)
        store = FileStore(url)
        use_keys(store, key, 150)
        held = take(store, KEY)
        for event in ("one", "two"):
            store.remember(KEY, event)
        store.release(held, held.low)
        lowest = held.low
        store.close()
        return lowest

    in_forked_child(lambda: FileStore(url).close())
    lows = [int(in_forked_child(lambda who=who: live(*who))) for who in users(first, second)]
    assert lows == sorted(set(lows))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (open_place / "store").iterdir()}
    assert set(modes.values()) == {0o660}, modes


def users(first, second):
    return [(NOBODY, first, 0), (SOMEBODY, second, 100), (NOBODY, first, 200)]
