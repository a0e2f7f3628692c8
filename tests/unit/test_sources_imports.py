"""The order of a repository's files, and the licence that they state."""

from __future__ import annotations

import random
import string

import pytest

from longhop.sources.imports import dependency_order
from longhop.sources.spdx import is_license_file, license_of, stated_in


@pytest.mark.parametrize(
    ("files", "order"),
    [
        ({"a.py": "import b.c\n", "b/__init__.py": "", "b/c.py": ""}, "b/__init__.py b/c.py a.py"),
        ({"p/a.py": "from . import z\n", "p/z.py": ""}, "p/z.py p/a.py"),
        ({"p/q/a.py": "from ..z import (\n    x,  # why\n    y,\n)\n", "p/z.py": ""}, "p/z.py p/q/a.py"),
        ({"src/p/__init__.py": "", "src/p/z.py": "", "a.py": "import os, p.z as q\n"},
         "src/p/__init__.py src/p/z.py a.py"),
        ({"a.py": "try:\n    import z\nexcept ImportError:\n    z = None\n", "z.py": ""}, "z.py a.py"),
        ({"a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import z\n", "z.py": "import a\n"},
         "a.py z.py"),
        ({"a.py": "import z\n", "z.py": "def f():\n    import a\n"}, "z.py a.py"),
        ({"a.py": "x = 'import z'\n# import z\n", "z.py": ""}, "a.py z.py"),
        ({"a.js": "import {x} from './z';\n", "z.js": ""}, "z.js a.js"),
        ({"a.ts": "import x from './lib/z.js';\nexport * from '../b';", "lib/z.ts": ""}, "lib/z.ts a.ts"),
        ({"a.tsx": "const z = require('./z');\nimport('react')", "z/index.tsx": ""}, "z/index.tsx a.tsx"),
        ({"a.c": '#include "z.h"\n#include <stdio.h>\n', "z.h": ""}, "z.h a.c"),
        ({"a.cpp": "#  include <lib/z.hpp>\n", "include/lib/z.hpp": ""}, "include/lib/z.hpp a.cpp"),
        (
            {"a/a.go": 'package a\nimport (\n\t"fmt"\n\tz "example.org/m/z"\n)\n', "go.mod": "module example.org/m\n",
             "z/z.go": "", "z/z_test.go": ""},
            "go.mod z/z.go a/a.go z/z_test.go",
        ),
        ({"a/A.java": "import org.x.Z;\n", "src/org/x/Z.java": ""}, "src/org/x/Z.java a/A.java"),
        ({"src/lib.rs": "mod util;\npub mod z;\n", "src/util/mod.rs": "", "src/z.rs": ""},
         "src/util/mod.rs src/z.rs src/lib.rs"),
        ({"a.rb": "require_relative 'lib/z'\n", "lib/z.rb": ""}, "lib/z.rb a.rb"),
        ({"a.txt": "import z\n", "z.py": ""}, "a.txt z.py"),
    ],
)  # fmt: skip
def test_what_is_imported_comes_first(files: dict[str, str], order: str) -> None:
    """In each language by the forms that people write; what is only spoken of does not count."""
    assert dependency_order(sorted(files.items())) == order.split()


def test_a_circle_is_broken_at_its_first_file() -> None:
    """What the circle needs stands before it, what needs the circle behind it."""
    files = {
        "a.py": "import x\n",
        "m.py": "import n\n",
        "n.py": "import o\nimport z\n",
        "o.py": "import m\n",
        "x.py": "import n\n",
        "z.py": "",
    }
    assert dependency_order(sorted(files.items())) == ["z.py", "m.py", "o.py", "n.py", "x.py", "a.py"]


def test_every_file_stands_once_behind_what_it_imports() -> None:
    """Random graphs without circles; and with circles every file still stands once, in the same order each time."""
    draw = random.Random(3)
    for circles in (False, True):
        names = list(string.ascii_lowercase)
        draw.shuffle(names)
        needs = {
            name: draw.sample(names if circles else names[:place], draw.randint(0, min(place, 3)))
            for place, name in enumerate(names)
        }
        files = sorted((f"{name}.py", "".join(f"import {other}\n" for other in own)) for name, own in needs.items())
        order = dependency_order(files)
        assert sorted(order) == [name for name, _ in files]
        assert order == dependency_order(files)
        if not circles:
            place = {name: number for number, name in enumerate(order)}
            assert all(place[f"{o}.py"] < place[f"{name}.py"] for name, own in needs.items() for o in own)


APACHE = "                                 Apache License\n                           Version 2.0, January 2004\n"
MIT = "Copyright (c) 2020 X\n\nPermission is hereby granted, free of charge, to any\nperson obtaining a copy of this"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"LICENSE": MIT}, "MIT"),
        ({"LICENSE.txt": APACHE}, "Apache-2.0"),
        ({"COPYING": "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007"}, "GPL-3.0"),
        ({"COPYING": "GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, February 1999"}, "LGPL-2.1"),
        ({"LICENSE-MIT": MIT, "LICENSE-APACHE": APACHE}, None),
        ({"LICENSE-MIT": MIT, "LICENSE-APACHE": APACHE, "Cargo.toml": '[package]\nlicense = "MIT OR Apache-2.0"\n'},
         "MIT OR Apache-2.0"),
        ({"pyproject.toml": '[project]\nlicense = {text = "MIT License"}\n'}, "MIT"),
        ({"package.json": '{"license": "ISC"}', "LICENSE": "See the package."}, "ISC"),
        ({"package.json": '{"license": "SEE LICENSE IN X"}'}, None),
        ({"package.json": "{oops", "pyproject.toml": "= ["}, None),
        ({"PKG-INFO": "Name: x\nLicense: MIT\nLicense-Expression: BSD-3-Clause\n\nLicense: ISC"}, "BSD-3-Clause"),
        ({"LICENSE": "All rights reserved."}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_licence_that_is_stated(files: dict[str, str], found: str | None) -> None:
    """By text or identifier; two that differ, or an unknown one, are told as none."""
    assert all(is_license_file(name) for name in files)
    assert license_of(files.items()) == found


def test_a_file_may_state_its_own() -> None:
    """At its head only."""
    assert (
        stated_in("// SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note\n")
        == "GPL-2.0-only WITH Linux-syscall-note"
    )
    assert stated_in("x = 1\n" * 2000 + "# SPDX-License-Identifier: MIT") is None
    assert not is_license_file("vendor/LICENSE")
