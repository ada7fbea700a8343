"""Lists what Android has of some classes, from declarations that were made of its SDK.

    python3 list-api.py FOLDER CLASS... >api-23.txt

The folder is `package/lib/android` of the npm package `@nativescript/types-android` 8.0.0, which has
one `android-platform-LEVEL.d.ts` for each API level from 17 on. The test needs neither.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Dict, List, Set, Tuple

LEVELS = range(17, 24)
OBJECT = "java.lang.Object"
OPENING = re.compile(r"\s*(?:declare|export) (?:abstract )?(module|class) (\w+)(.*)\{\s*$")
METHOD = re.compile(r"\s*public (?:static )?([\w$]+)\s*(?:<.*?>)?\((.*)\)(?:: .*)?;\s*$")
FIELD = re.compile(r"\s*public static (?!class:)([\w$]+): .*;\s*$")
PARENT = re.compile(r"[a-z][\w.]*\.[A-Z][\w.]*")

Class = Tuple[List[str], Set[str]]


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    levels = {level: read(folder / f"android-platform-{level}.d.ts") for level in LEVELS}
    for name in sorted(names):
        if name not in levels[23]:
            sys.exit(f"API level 23 has no {name}")
        since = min(level for level in LEVELS if name in levels[level])
        common = set() if name == OBJECT else all_members(levels[23], OBJECT)
        members = sorted(all_members(levels[23], name) - common)
        shown = [member + mark(levels, name, member, since) for member in members]
        print(name, since, *shown)


def mark(levels: Dict[int, Dict[str, Class]], name: str, member: str, since: int) -> str:
    first = min(level for level in LEVELS if name in levels[level] and member in all_members(levels[level], name))
    return "" if first == since else f"@{first}"


def all_members(classes: Dict[str, Class], name: str) -> Set[str]:
    """Its own and those that it inherits; constructors are not inherited."""
    if name not in classes:
        return set()
    parents, own = classes[name]
    inherited = set().union(*(all_members(classes, parent) for parent in parents if parent != name))
    return own | {member for member in inherited if not member.startswith("<init>")}


def read(path: Path) -> Dict[str, Class]:
    classes: Dict[str, Class] = {}
    inside: List[Tuple[str, bool]] = []
    skipped = 0
    for line in path.read_text().splitlines():
        opening = OPENING.match(line)
        if skipped or (line.rstrip().endswith("{") and not opening):
            skipped += line.count("{") - line.count("}")
        elif opening:
            inside.append((opening[2], opening[1] == "class"))
            if opening[1] == "class":
                name = ".".join(part for part, _ in inside)
                parents = PARENT.findall(re.sub(r"<[^{]*?>(?= |$)", " ", opening[3])) + [OBJECT]
                classes[name] = (parents, set())
        elif line.strip() == "}":
            inside.pop()
        elif inside and inside[-1][1]:
            members = classes[".".join(part for part, _ in inside)][1]
            if method := METHOD.match(line):
                name = "<init>" if method[1] == "constructor" else method[1]
                members.add(f"{name}/{arity(method[2])}")
            elif field := FIELD.match(line):
                members.add(field[1])
    return classes


def arity(parameters: str) -> int:
    depth = 0
    count = 1 if parameters.strip() else 0
    for before, character in zip(" " + parameters, parameters):
        depth += (character in "<({[") - (character in ")}]" or (character == ">" and before != "="))
        count += character == "," and depth == 0
    return count


if __name__ == "__main__":
    main()
