"""A line never goes below nothing, and what is given up, taken away or closed is accounted for."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from krakenonce.copytrader import lines
from krakenonce.copytrader.records import Decision, Kind
from tests.copytrader.made import KEY, d, line, lots

amounts = st.one_of(st.just(Decimal(0)), lots())
steps = st.one_of(
    st.tuples(st.just("apply"), st.one_of(lots(), lots().map(lambda lot: -lot))),
    st.tuples(st.sampled_from(["buy", "sell", "write_off", "taken_away"]), amounts),
    st.tuples(st.sampled_from(["closed", "kept"]), amounts),
)


def decision(delta, exec_id="T1"):
    kind, side = (Kind.ENTRY, "buy") if delta > 0 else (Kind.EXIT, "sell")
    return Decision(KEY, exec_id, kind, delta, d(50000), "", 0, side)


def after(standing, step):
    what, amount = step
    if what == "apply":
        return lines.apply(standing, decision(amount))
    if what in ("buy", "sell"):
        return lines.executed(standing, what, amount)
    if what in ("write_off", "taken_away"):
        return getattr(lines, what)(standing, amount)
    return getattr(lines, what)(standing)


@given(st.lists(steps, max_size=40))
def test_nothing_goes_below_nothing(many):
    standing = line()
    for step in many:
        before, standing = standing, after(standing, step)
        assert standing.wanted >= 0
        assert standing.held >= 0
        assert standing.written_off >= before.written_off
        assert lines.missing(standing) * lines.surplus(standing) == 0
        assert standing.wanted - standing.held == lines.missing(standing) - lines.surplus(standing)


@given(amounts, amounts, amounts)
def test_no_more_is_given_up_than_is_missing(wanted, held, volume):
    standing = line(wanted, held)
    given = lines.write_off(standing, volume)
    assert given.held == held
    assert given.wanted >= min(wanted, held)
    assert given.wanted + given.written_off == wanted
    assert given.written_off == min(volume, max(wanted - held, Decimal(0)))


def test_beside_mirrored_orders_what_they_will_do_is_reckoned_with():
    """A mirrored order is about to sell 0.5 of 1; 0.2 of what is wanted besides cannot be bought."""
    given = lines.write_off(line("0.7", "1"), d("0.2"), coming=d("-0.5"))
    assert (given.wanted, given.written_off) == (d("0.5"), d("0.2"))
    assert lines.write_off(line("0.7", "1"), d("0.2")) == line("0.7", "1")


@given(amounts, amounts, amounts)
def test_what_the_user_sold_himself_is_neither_held_nor_wanted(wanted, held, still):
    left = lines.taken_away(line(wanted, held), still)
    assert left.held == min(held, still)
    assert left.wanted == max(wanted - (held - left.held), Decimal(0))


def test_a46_the_fraction_that_is_closed_is_that_of_what_is_left():
    """Copied 1, sold half of it by hand: 37 % of the other half are 0.185."""
    left = lines.taken_away(line("1", "1"), d("0.5"))
    assert (left.wanted, left.held) == (d("0.5"), d("0.5"))


def test_closing_and_keeping():
    standing = line("1.5", "1")
    assert lines.surplus(lines.closed(standing)) == 1
    assert lines.kept(standing).wanted == 1
    assert lines.missing(lines.kept(standing)) == 0


def test_a_skip_changes_nothing():
    standing = line("1.5", "1")
    assert lines.apply(standing, decision(d(1))._replace(delta=Decimal(0))) is standing
