"""Mode orders: the master's resting orders, followed by an order of each user's. Pure; the engine acts.

A `Mirror` is one order of the master's as one line sees it: how the master's order stands, and how the user's does. It
changes by what is heard (`hearing`: of the master; `answers`: of the user's own order), and `steering` says what to do
about the difference. Nothing depends on the order in which news arrive, so no order is left open in the end.

How the engine drives it, per line of a user with ``mode = orders``, with one `Mirror` per open order of the master's:

1. For each `MasterOrderEvent`: ``hearing.heard`` if there is a mirror of that order, else ``hearing.adopt``, which
   returns None for what is not mirrored (market orders, orders that are over, mapped pairs). An event of a snapshot is
   ``OPENED`` for an order without a mirror, and ``AMENDED`` for one that has it.
2. For each fill: ``hearing.decided_fill`` in place of `deciding.decide` if there is a mirror, then ``hearing.moved``
   with the decision, then `lines.apply` as always.
3. After every step, once all news of a frame are in: for each mirror ``steering.next_step``. Write the mirror (see
   ``text``) and, for a `Place`, its order to the journal; then send; then tell the mirror what became of it:
   ``answers.placed`` or ``answers.refused``, ``answers.amended`` or ``answers.amend_refused``, ``answers.progressed``
   whenever the user's order has executed more, ``answers.ended`` when it is closed. What an order executes also goes to
   `lines.executed`, as with any order. The step is given to the mirror (``steering.taken``) before it is sent.
4. Plan the line's own orders (`ordering.next_order`) with ``coming`` and ``bound`` of ``steering``. They do what
   mirrors do not.
5. Forget a mirror once ``steering.is_settled``, and ask for the line's next order: what the mirror has not done is due
   now, and is executed like a fill's.
6. After a restart: mirrors from their ``text``, each with its newest order; then, for each that ``is_live``, find out
   what became of that order, and tell the mirror as in 3.
7. After a restart, and whenever the stream has been away: an audit of the fills first; then ``hearing.gone`` for every
   mirror whose order is not among the master's open orders any more.
8. ``Surroundings.stands`` is false from a restart, or from the moment the stream is away, until the order is heard of
   again: nothing is placed for an order that may be over.
"""

from krakenonce.copytrader.mirroring.records import Amend, Cancel, Mirror, Phase, Place, Step

__all__ = ["Amend", "Cancel", "Mirror", "Phase", "Place", "Step"]
