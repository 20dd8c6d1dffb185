"""What a file store finds when it opens: whole, torn, cut, garbage, foreign, restored, from an earlier start."""

import os
import shutil
from types import SimpleNamespace

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.stores.file import FileStore
from krakenonce.stores.file.image import MappedImage
from krakenonce.stores.file.layout import COUNT, LAST, VERSION, checksum, slot_at
from krakenonce.stores.file.opening import Host, find_fault
from krakenonce.stores.file.survey import survey
from krakenonce.testing.waiting import take
from tests.forking import in_forked_child

KEY, OTHER = "00000000000000aa:00000000000000bb", "00000000000000aa:00000000000000cc"
NOW = 1_790_000_000 * NS_PER_SECOND
HOUR = 3600 * NS_PER_SECOND
HERE = Host((1, 2), (3, 4))
REBOOTED = Host((1, 2), (5, 6))
ELSEWHERE = Host((7, 8), (5, 6))
CONTAINER = Host((7, 8), (3, 4))


@pytest.fixture
def room(tmp_path):
    return tmp_path / "store"


def store_at(room, now=NOW, host=HERE):
    return FileStore(f"file://{room}", ManualClock(wall_ns=now), host=host)


def use(room, number=NOW + 5, now=NOW, host=HERE, leave=FileStore.close):
    store = store_at(room, now, host)
    grant = take(store, KEY, number)
    store.release(grant, number)
    leave(store)
    return number


def crash(store):
    """Leave as a killed process does: nothing is written, the kernel frees the locks."""
    store._scribe.stop()
    store._closed = True
    store._locks.close()
    store._image.close()


def floor_of(room, now, host=HERE, key=KEY):
    store = store_at(room, now, host)
    low = take(store, key).low
    crash(store)
    return low


def scribble(room, word, value):
    with (room / "state").open("r+b") as file:
        file.seek(word * 8)
        file.write(value.to_bytes(8, "little"))


def set_aside(room):
    return sorted(name for name in os.listdir(room) if name.startswith("state."))


@pytest.mark.parametrize("leave", [FileStore.close, crash])
def test_floors_outlive_the_process(room, leave):
    used = use(room, leave=leave)
    assert floor_of(room, NOW - HOUR) == used + 1


def test_a_key_killed_in_its_turn_goes_on_above_all_it_may_have_used(room):
    store = store_at(room)
    grant = take(store, KEY)
    crash(store)
    assert floor_of(room, NOW - HOUR) >= grant.high


def test_after_a_crash_of_the_machine_every_key_goes_on_above_the_mark(room):
    used = use(room, leave=crash)
    assert floor_of(room, NOW - HOUR, REBOOTED) > used
    assert floor_of(room, NOW - HOUR, REBOOTED, key=OTHER) > used


def test_after_an_orderly_end_the_machine_goes_on_exactly_there(room):
    used = use(room)
    assert floor_of(room, NOW - HOUR, REBOOTED) == used + 1


def test_cleanness_is_taken_back_before_the_first_use(room):
    use(room)
    used = use(room, number=NOW + HOUR, now=NOW + HOUR, host=REBOOTED, leave=crash)
    assert floor_of(room, NOW - HOUR, Host((1, 2), (9, 9))) > used


def test_a_key_ahead_of_the_clock_keeps_its_lead_through_a_crash_of_the_machine(room):
    used = use(room, number=NOW + 100 * HOUR, leave=crash)
    assert floor_of(room, NOW, REBOOTED) > used
    assert floor_of(room, NOW, REBOOTED, key=OTHER) < NOW + HOUR


def test_a_deleted_state_leaves_the_clock_as_floor(room):
    used = use(room)
    shutil.rmtree(room)
    store = store_at(room, NOW + HOUR)
    grant = take(store, KEY)
    assert grant.low <= NOW + HOUR < grant.high
    assert used < NOW + HOUR
    store.close()


def test_a_restored_copy_is_set_aside_and_never_lowers_a_floor(room, tmp_path):
    early = use(room)
    shutil.copytree(room, tmp_path / "backup")
    used = use(room, number=NOW + 24 * HOUR, now=NOW + 24 * HOUR)
    shutil.rmtree(room)
    shutil.copytree(tmp_path / "backup", room)
    store = store_at(room, used + HOUR)
    assert [name.split("-")[0] for name in set_aside(room)] == ["state.restored"]
    grant = take(store, KEY)
    assert used < grant.high
    assert grant.low > early
    store.close()


def test_a_copy_that_is_written_into_the_same_file_is_noticed_too(room):
    """As `cp backup/state store/state` does it: the file keeps its inode."""
    use(room)
    backup = (room / "state").read_bytes()
    used = use(room, number=NOW + 24 * HOUR, now=NOW + 24 * HOUR)
    with (room / "state").open("r+b") as file:
        file.write(backup)
    assert floor_of(room, used + HOUR) > NOW
    assert [name.split("-")[0] for name in set_aside(room)] == ["state.restored"]


@pytest.mark.parametrize("damage", [b"", b"short", bytes(24), b"\xff" * 24])
def test_a_witness_that_is_lost_or_damaged_says_nothing(room, damage):
    used = use(room, leave=crash)
    (room / "witness").write_bytes(damage)
    assert floor_of(room, NOW - HOUR, REBOOTED) > used
    assert set_aside(room) == []


def test_a_state_that_was_deleted_leaves_no_wrong_witness(room):
    for _ in range(3):
        for _ in range(3):
            use(room)
        (room / "state").unlink()
        floor_of(room, NOW)
    assert set_aside(room) == []


@pytest.mark.parametrize("size", [0, 7, 4096, 4096 + 100])
def test_a_cut_state_is_set_aside(room, size):
    use(room)
    os.truncate(room / "state", size)
    floor_of(room, NOW)
    assert [name.split("-")[0] for name in set_aside(room)] == ["state.truncated"]


@pytest.mark.parametrize(
    ("word", "fault"),
    [(0, "garbage"), (3, "garbage"), (6, "garbage"), (slot_at(0), "torn"), (slot_at(0) + 2, "torn")],
)
def test_scribbled_words_are_noticed_and_the_file_is_kept(room, word, fault):
    used = use(room)
    scribble(room, word, 12345)
    before = (room / "state").read_bytes()
    floor = floor_of(room, NOW + HOUR)
    (name,) = set_aside(room)
    assert name.startswith(f"state.{fault}-")
    assert (room / name).read_bytes() == before
    assert floor <= NOW + HOUR
    assert used < NOW + HOUR


def test_garbage_is_set_aside(room):
    use(room)
    (room / "state").write_bytes(os.urandom(20_000))
    floor_of(room, NOW)
    assert [name.split("-")[0] for name in set_aside(room)] == ["state.garbage"]


def test_a_torn_copy_of_the_mark_leaves_the_other(room):
    """The copy that was being written when the power went; the newest whole one stands in the other sector."""
    used = use(room, leave=crash)
    scribble(room, 64 + 1, 77)
    assert floor_of(room, NOW - HOUR, REBOOTED) > used
    assert set_aside(room) == []


def test_without_any_mark_the_clock_is_the_floor(room):
    use(room, leave=crash)
    scribble(room, 64 + 1, 77)
    scribble(room, 128 + 1, 77)
    floor_of(room, NOW + HOUR, REBOOTED)
    assert [name.split("-")[0] for name in set_aside(room)] == ["state.torn"]


def test_a_torn_slot_does_not_lower_the_floor_of_its_key(room):
    """What the file still proves is carried over: the mark lies above all that was used."""
    used = use(room, leave=crash)
    scribble(room, slot_at(0), 1)
    assert floor_of(room, NOW - HOUR) > used


def test_a_last_number_above_the_mark_is_not_believed(room):
    use(room, leave=crash)
    scribble(room, slot_at(0) + LAST, NOW + 10**6 * HOUR)
    assert floor_of(room, NOW, REBOOTED) < NOW + HOUR


def test_a_state_from_another_machine_is_set_aside(room):
    use(room, number=NOW + 1000 * HOUR)
    assert floor_of(room, NOW, ELSEWHERE) <= NOW
    assert [name.split("-")[0] for name in set_aside(room)] == ["state.foreign"]


def test_containers_of_one_kernel_share_a_state_though_each_has_a_machine_id(room):
    used = use(room, leave=crash)
    first, second = store_at(room), store_at(room, host=CONTAINER)
    assert take(first, KEY).low > used
    assert second.acquire(KEY, 0) is None
    for store in (first, second):
        store.close()
    assert set_aside(room) == []


def test_a_newer_version_is_refused_and_left_alone(room):
    use(room)
    words = (room / "state").read_bytes()[:48]
    fixed = [int.from_bytes(words[place : place + 8], "little") for place in range(0, 48, 8)]
    fixed[1] = VERSION + 1
    scribble(room, 1, fixed[1])
    scribble(room, 6, checksum(*fixed))
    with pytest.raises(ConfigError, match="version 2, this krakenonce knows 1"):
        store_at(room)
    assert set_aside(room) == []


def test_nothing_is_set_aside_while_others_use_it(room):
    living = store_at(room)
    scribble(room, 0, 5)
    with pytest.raises(StoreUnavailable, match=r"garbage.*while other processes use it"):
        store_at(room)
    assert set_aside(room) == []
    scribble(room, 0, int.from_bytes(b"KRKNONCE", "little"))
    living.close()


def test_another_kernel_at_the_same_time_is_refused(room):
    living = store_at(room)
    with pytest.raises(StoreUnavailable, match="another kernel"):
        store_at(room, host=REBOOTED)
    living.close()


def test_a_directory_deleted_under_a_living_store_is_made_anew(room, caplog):
    store = store_at(room)
    grant = take(store, KEY)
    store.release(grant, grant.low)
    shutil.rmtree(room)
    assert take(store, KEY, NOW + 7).low >= NOW + 7
    assert "deleted, replaced or cut short while in use" in caplog.text
    newcomer = store_at(room)
    assert newcomer.acquire(KEY, 0) is None
    newcomer.close()
    store.close()


def test_slots_grow_and_are_found_by_the_other_process(room):
    first, second = store_at(room), store_at(room)
    names = [f"{number:016x}:{number:016x}" for number in range(500)]
    for name in names:
        first.release(grant := take(first, name), grant.low + 9)
    assert [take(second, name).low for name in names] == [11] * 500
    first.close()
    second.close()


class BusyWords:
    """The words of a state file to which another process adds slots while they are looked at."""

    def __init__(self, words, add):
        self._words, self._add = words, add

    def __getitem__(self, index):
        value = self._words[index]
        if index == slot_at(self._words[COUNT]) + 2:  # the look has just passed the place of the next slot
            self._add()
        return value

    def __setitem__(self, index, value):
        self._words[index] = value

    def __len__(self):
        return len(self._words)


def test_a_slot_that_is_added_during_the_look_is_not_taken_for_a_torn_one(room):
    store, names = store_at(room), iter(range(1, 50))
    image = store._image
    take(store, KEY)

    def add():
        store._register.find_or_make((next(names), 1), wait=True)

    look = SimpleNamespace(
        words=BusyWords(image.words, add), inode=image.inode, fresh=image.fresh, attested=image.attested
    )
    assert find_fault(look, HERE.machine) is None
    store.close()


def test_room_that_others_made_is_seen_and_not_taken_for_lost_slots(room):
    maker = store_at(room)
    early = MappedImage(room / "state", None)
    for number in range(300):
        maker._register.find_or_make((number, number), wait=True)
    assert find_fault(early, HERE.machine) is None
    early.close()
    maker.close()


@pytest.mark.parametrize("size", [0, 100, 4096])
@pytest.mark.parametrize("moment", ["between turns", "in a turn", "before a number", "before closing"])
def test_a_state_cut_short_under_a_living_store_kills_nobody(room, size, moment):
    """Whoever touches a page that was cut off is killed by the system (SIGBUS): so nobody does."""

    def live():
        store = store_at(room)
        store.release(first := take(store, KEY), first.low + 9)
        if moment == "in a turn":
            grant = take(store, KEY)
        os.truncate(room / "state", size)
        if moment == "in a turn":
            store.release(grant, grant.low)
        if moment == "before a number":
            assert store.numbers.next() >= NOW
        if moment != "before closing":
            assert store.remembered(KEY) == ()
            assert take(store, KEY, NOW + HOUR).low >= NOW + HOUR
        store.close()
        return "alive"

    assert in_forked_child(live) == "alive"
    if moment != "before closing":
        assert [name.split("-")[0] for name in set_aside(room)] == ["state.truncated"]


def test_a_survey_of_a_state_that_is_cut_short_says_so(room):
    use(room)
    os.truncate(room / "state", 100)
    with pytest.raises(StoreUnavailable, match="cut short"):
        survey(f"file://{room}")
