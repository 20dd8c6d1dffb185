"""Several connections of one process to one file, as a live run has them, beside other processes that come and go."""

import os
import sqlite3
import subprocess
import sys

import pytest

from krakenonce.orders import sqlite_file
from krakenonce.orders.sqlite_file import SqliteFile

SCHEMA = ("CREATE TABLE IF NOT EXISTS notes (number INTEGER)",)
LOOK = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM notes').fetchone()[0])"


def counted_elsewhere(path):
    """Return how many notes another process sees, which opens the file and closes it again."""
    command = [sys.executable, "-I", "-S", "-c", LOOK, path]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def note(file):
    file.write(lambda database: database.execute("INSERT INTO notes VALUES (1)"), vital=True)


def test_what_is_written_after_somebody_else_has_looked_is_there_for_the_next_one(tmp_path):
    path = str(tmp_path / "journal.db")
    first = SqliteFile(path, SCHEMA, survives_power_loss=True)
    second = SqliteFile(path, SCHEMA, survives_power_loss=True)
    for number in range(1, 4):
        note(first)
        assert counted_elsewhere(path) == number
    first.close()
    second.close()
    assert counted_elsewhere(path) == 3


def test_the_file_is_its_owners_only(tmp_path):
    path = str(tmp_path / "folder" / "journal.db")
    SqliteFile(path, SCHEMA, survives_power_loss=True).close()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_descriptor_that_is_opened_and_closed_beside_is_found_out(tmp_path, monkeypatch):
    """Positive control: it drops the locks, the log is deleted by who looks, and what is written then is lost."""
    monkeypatch.setattr(sqlite_file, "_make_private", lambda path: os.close(os.open(path, os.O_RDWR | os.O_CREAT)))
    with pytest.raises((AssertionError, sqlite3.Error, subprocess.CalledProcessError)):
        test_what_is_written_after_somebody_else_has_looked_is_there_for_the_next_one(tmp_path)
