"""Where keys stand in a TOML text: in every way of writing them, and in texts made by chance."""

import tomllib

from hypothesis import given, reject
from hypothesis import strategies as st

from krakenonce.copytrader.config.lines import find_spots

EVERY_WAY = '''\
# a comment with [brackets] and = signs
title = "x # no comment [users]"
dotted.key.here = 3
dotted . "quoted key" = 4
numbers = [ 5, 5,
  # a comment, with a comma
  7,
] # after it
inline = { a = 9, "b.c" = 9, d.e = 9, deep = { f = [ 9 ] } }
text = """
[users.nobody]
key = 12 \\""" still inside
"""
literal = \'\'\'
[x] ''y
\'\'\'

[users.alice]
key = 19
  [users.alice.guards]   # indented
  pairs = ["BTC/USD", # first
    "ETH/USD"]
[users]
bob.key = 24
[[hooks]]
url = 26
[[hooks]]
url = 28
[hooks.more]
x = 30
[[hooks.inner]]
y = 32
["a.b"."c"]
z = 34
"k\\u0065y" = 35
'lit"eral' = 36
last = 37'''


def line(text, *path):
    return find_spots(text)[path].line


def test_every_way_of_writing_a_key():
    spots = find_spots(EVERY_WAY)
    for path, expected in {
        ("title",): 2,
        ("dotted",): 3,
        ("dotted", "key"): 3,
        ("dotted", "key", "here"): 3,
        ("dotted", "quoted key"): 4,
        ("numbers",): 5,
        ("numbers", 1): 5,
        ("numbers", 2): 7,
        ("inline",): 9,
        ("inline", "a"): 9,
        ("inline", "b.c"): 9,
        ("inline", "d", "e"): 9,
        ("inline", "deep", "f", 0): 9,
        ("text",): 10,
        ("literal",): 14,
        ("users",): 18,
        ("users", "alice"): 18,
        ("users", "alice", "key"): 19,
        ("users", "alice", "guards"): 20,
        ("users", "alice", "guards", "pairs", 0): 21,
        ("users", "alice", "guards", "pairs", 1): 22,
        ("users", "bob"): 24,
        ("users", "bob", "key"): 24,
        ("hooks",): 25,
        ("hooks", 0): 25,
        ("hooks", 0, "url"): 26,
        ("hooks", 1): 27,
        ("hooks", 1, "url"): 28,
        ("hooks", 1, "more", "x"): 30,
        ("hooks", 1, "inner", 0, "y"): 32,
        ("a.b", "c", "z"): 34,
        ("a.b", "c", "key"): 35,
        ("a.b", "c", 'lit"eral'): 36,
        ("a.b", "c", "last"): 37,
    }.items():
        assert spots[path].line == expected, path


def test_it_knows_exactly_the_keys_that_tomllib_knows():
    assert set(find_spots(EVERY_WAY)) == paths(tomllib.loads(EVERY_WAY))


def test_windows_line_ends_count_once():
    text = "a = 1\r\nb = [\r\n2,\r\n3]\r\n[t]\r\nc = 5\r\n"
    assert [line(text, "b"), line(text, "b", 1), line(text, "t"), line(text, "t", "c")] == [2, 4, 5, 6]


def test_a_value_can_be_cut_out():
    spots = find_spots(EVERY_WAY)
    for path, value in {
        ("title",): '"x # no comment [users]"',
        ("inline", "deep"): "{ f = [ 9 ] }",
        ("users", "alice", "guards", "pairs", 1): '"ETH/USD"',
        ("a.b", "c", "last"): "37",
    }.items():
        spot = spots[path]
        assert EVERY_WAY[spot.start : spot.end] == value


def paths(value, path=()):
    found = {path} if path else set()
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found.union(*(paths(inner, (*path, name)) for name, inner in rows))


# Documents made by chance, in which every number is the line it stands on.

NAMES = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=5),
)
FILLERS = ("", "# [x]\n", "\n\n", 't = """\n]\n}"""\n', "t = '''\n#\n'''\n", 't = "]"\n', "t = [ # ]\n ]\n")


def spell(name):
    if name and name.isascii() and all(letter.isalnum() or letter in "_-" for letter in name):
        return name
    escaped = "".join(f"\\U{ord(letter):08x}" if letter in '"\\' else letter for letter in name)
    return f'"{escaped}"'


class Writer:
    """Writes a document and remembers on which line each number stands, by writing the line as the number."""

    def __init__(self, draw):
        self.text, self.draw = "", draw

    @property
    def here(self):
        return self.text.count("\n") + 1

    def value(self, depth):
        kind = self.draw(st.sampled_from(["number", "array", "inline"] if depth else ["number"]))
        if kind == "number":
            self.text += str(self.here)
        elif kind == "array":
            self.array(depth)
        else:
            self.inline(depth)

    def array(self, depth):
        self.text += "["
        for _ in range(self.draw(st.integers(0, 3))):
            self.text += self.draw(st.sampled_from(["", " ", "\n", "# ]\n", "\r\n\t"]))
            self.value(depth - 1)
            self.text += self.draw(st.sampled_from([",", " , ", "\n,", "# ,\n,"]))
        self.text += self.draw(st.sampled_from(["]", "\n]"]))

    def inline(self, depth):
        names = self.draw(st.lists(NAMES, max_size=3, unique=True))
        self.text += "{ "
        for place, name in enumerate(names):
            self.text += f"{', ' if place else ''}{spell(name)} = "
            self.value(depth - 1)
        self.text += " }"

    def table(self, header, sequence):
        self.text += header + self.draw(st.sampled_from(["\n", " # c\n", "\r\n"]))
        filler = self.draw(st.sampled_from(FILLERS))
        self.text += f"filler{sequence}.{filler}" if filler.startswith("t") else filler
        for name in self.draw(
            st.lists(NAMES.filter(lambda name: not name.startswith("filler")), max_size=4, unique=True)
        ):
            self.text += self.draw(st.sampled_from(["", "  "])) + spell(name)
            self.text += self.draw(st.sampled_from(["=", " = ", '."x y" = ', " . z="]))
            self.value(2)
            self.text += self.draw(st.sampled_from(["\n", " # = [\n", "\r\n"]))


@st.composite
def documents(draw):
    writer = Writer(draw)
    writer.table("# top", 0)
    for sequence in range(1, draw(st.integers(1, 5))):
        header = draw(
            st.sampled_from([f"[table {sequence}]", "[[rows]]", f"[rows.t{sequence}]", f"[[rows.a{sequence}]]"])
        )
        if header.startswith("[table"):
            header = f'["t.{sequence}" . inner]'
        if header.startswith(("[rows.", "[[rows.")) and "[[rows]]" not in writer.text:
            header = "[[rows]]"
        writer.table(header, sequence)
    return writer.text


def numbers(value, path=()):
    if isinstance(value, dict):
        return {k: v for name, inner in value.items() for k, v in numbers(inner, (*path, name)).items()}
    if isinstance(value, list):
        return {k: v for place, inner in enumerate(value) for k, v in numbers(inner, (*path, place)).items()}
    return {path: value} if isinstance(value, int) else {}


@given(documents())
def test_documents_made_by_chance(text):
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        reject()  # two keys of the same name, by chance
    spots = find_spots(text)
    assert set(spots) == paths(document)
    for path, number in numbers(document).items():
        spot = spots[path]
        assert text[spot.start : spot.end] == str(number)
        assert text.count("\n", 0, spot.start) + 1 == number
        if path and not isinstance(path[-1], int):
            assert spot.line == number
