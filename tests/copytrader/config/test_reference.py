"""The reference of the configuration says what the code says: keys, what may be written, and what counts without."""

import pathlib

import pytest

from krakenonce.copytrader.config import keys, parse_settings

PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "reference" / "config.md").read_text()
TABLES = {name: getattr(keys, name) for name in ("ROOT", "ACCOUNT", "USER", "SIZING", "GUARDS", "TOGETHER", "WEBHOOK")}


def row(key):
    name = f"**`{key.name}`**" if key.required else f"`{key.name}`"
    return f"| {name} | {key.kind} | {key.standard} | {key.meaning} |"


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_in_the_reference(name):
    head = "| key | what may be written | without it | what it means |\n|---|---|---|---|\n"
    own = [key for key in TABLES[name] if name != "USER" or key not in keys.ACCOUNT]
    assert head + "\n".join(map(row, own)) + "\n\n" in PAGE + "\n"


def test_the_example_of_the_reference_is_right(tmp_path):
    example = PAGE.split("```toml\n")[1].split("```")[0]
    settings = parse_settings(example, tmp_path / "copy.toml", {"COPY_WEBHOOK": "https://example.com/hook"})
    assert len(settings.users) == 2
