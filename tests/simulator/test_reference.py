"""The reference page names every setting, fault, method and control there is."""

from __future__ import annotations

import pathlib
from dataclasses import fields

import pytest

from krakenonce.simulator import Exchange, Settings
from krakenonce.simulator.control import Control
from krakenonce.simulator.faults import KINDS, Fault
from krakenonce.simulator.rest.routing import PRIVATE, PUBLIC

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text()


@pytest.mark.parametrize(
    "names",
    [
        [field.name for field in fields(Settings)],
        [field.name for field in fields(Fault)],
        [*KINDS, *PUBLIC, *PRIVATE],
        Control(Exchange(Settings(accounts=1))).paths,
    ],
)
def test_the_page_names_it(names: list[str]):
    assert [name for name in names if f"`{name}`" not in PAGE] == []
