"""From the pairs and currencies of a file to those of the exchange; what it does not list is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from krakenonce.broker import PairRules
from krakenonce.broker.symbols import Symbols
from krakenonce.copytrader.config import BadConfig, CopySettings, Problem, UserSettings
from krakenonce.copytrader.config.problems import dotted
from krakenonce.copytrader.config.values import hint
from krakenonce.copytrader.mapping import checked_mapping
from krakenonce.copytrader.policy import Guards, UserPolicy
from krakenonce.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the engine can use: everything by keys of the exchange.

    Attributes:
        policies: by user; balances: what simulated users begin with, by user and asset.
        guards: the limits of all together; currency: what money is counted in.
    """

    policies: Mapping[str, UserPolicy]
    balances: Mapping[str, Mapping[str, Decimal]]
    guards: Guards
    currency: str


def resolve(settings: CopySettings, rules: Mapping[str, PairRules]) -> Resolved:
    """Return *settings* in the words of an exchange that lists *rules*.

    Raises:
        BadConfig: it does not know a pair or a currency, or a mapping makes no sense there.
    """
    work = _Resolving(settings, rules)
    resolved = work.resolved()
    if work.problems:
        raise BadConfig(settings.file.name, work.problems)
    return resolved


class _Resolving:
    def __init__(self, settings: CopySettings, rules: Mapping[str, PairRules]) -> None:
        self.problems: list[Problem] = []
        self._settings, self._rules = settings, rules
        self._symbols = Symbols(rules.values())
        self._pairs = {name: key for key, one in rules.items() for name in self._spellings(one)}
        self._assets = {asset for one in rules.values() for asset in (one.base, one.quote)}

    def resolved(self) -> Resolved:
        settings = self._settings
        users = settings.users.items()
        pairs = settings.guards.pairs
        guards = replace(settings.guards, pairs=None if pairs is None else self._all(pairs, ("pairs",)))
        return Resolved(
            MappingProxyType({name: self._policy(user) for name, user in users}),
            MappingProxyType({name: self._amounts(user) for name, user in users}),
            guards,
            self._asset(settings.currency, ("currency",)),
        )

    def _policy(self, user: UserSettings) -> UserPolicy:
        policy, name = user.policy, user.name.removeprefix("USER:")
        pairs = policy.guards.pairs
        places = (("users", name, "guards", "pairs"), ("defaults", "guards", "pairs"), ("pairs",))
        allowed = None if pairs is None else self._all(pairs, *places)
        return replace(policy, guards=replace(policy.guards, pairs=allowed), mapping=self._mapping(user, name))

    def _mapping(self, user: UserSettings, name: str) -> Mapping[str, str | None]:
        found: dict[str, str | None] = {}
        for source, target in user.policy.mapping.items():
            places = (("users", name, "mapping", source), ("defaults", "mapping", source))
            key = self._pair(source, *places)
            found[key] = None if target is None else self._pair(target, *places)
        if not self.problems:
            try:
                checked_mapping(found, self._rules)
            except ConfigError as error:
                place = ("users", name, "mapping")
                self._complain(error.shape, error.mend, place, ("defaults", "mapping"))
        return MappingProxyType(found)

    def _amounts(self, user: UserSettings) -> Mapping[str, Decimal]:
        name = user.name.removeprefix("USER:")
        return MappingProxyType(
            {
                self._asset(asset, ("users", name, "balances", asset), ("defaults", "balances", asset)): amount
                for asset, amount in user.balances.items()
            }
        )

    def _all(self, pairs: Iterable[str], *places: tuple[str, ...]) -> frozenset[str]:
        return frozenset(self._pair(pair, *places) for pair in sorted(pairs))

    def _pair(self, name: str, *places: tuple[str, ...]) -> str:
        key = self._pairs.get(name)
        if key is None:
            mend = f"{hint(name, sorted(self._pairs))}Write a pair that Kraken lists."
            self._complain(f"{name}, which the exchange does not list", mend, *places)
        return key or name

    def _asset(self, name: str, *places: tuple[str, ...]) -> str:
        key = self._symbols.asset(name)
        if key not in self._assets:
            self._complain(
                f"{name}, which is in no pair of the exchange", "Write a currency that Kraken lists.", *places
            )
        return key

    def _complain(self, shape: str, mend: str, *places: tuple[str, ...]) -> None:
        lines = self._settings.lines
        field = next((dotted(place) for place in places if dotted(place) in lines), dotted(places[0]))
        problem = Problem(lines.get(field, 1), field, shape, mend)
        if problem not in self.problems:
            self.problems.append(problem)

    def _spellings(self, pair: PairRules) -> set[str]:
        return {pair.key, pair.altname, pair.wsname, self._symbols.symbol(pair.key) or pair.key}


def pairs_in_use(resolved: Resolved) -> tuple[str, ...] | None:
    """Return the pairs (keys) that anybody may trade; None for all."""
    found: set[str] = set()
    for policy in resolved.policies.values():
        if policy.guards.pairs is None and not policy.mapping:
            return None
        targets = {target for target in policy.mapping.values() if target is not None}
        found |= (policy.guards.pairs or frozenset()) | targets | set(policy.mapping)
    return tuple(sorted(found))
