#!/usr/bin/env python3
"""Checks all pages: that what they link to is there, headings included, and that figures are
well-formed, say what they show to those who cannot see them, and bring nothing from elsewhere.

    scripts/pages.py          checks the pages of this repository
    scripts/pages.py --self   shows that it refuses pages and figures that are wrong
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path
from urllib.parse import unquote

SVG = "{http://www.w3.org/2000/svg}"
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")


def anchors(text):
    """What a page's headings are linked as."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        while name in found:
            name += "-1"
        found.add(name)
    return found


def check_page(root, page):
    """What is wrong with a page, and the figures that it shows."""
    wrong, figures = [], set()
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(CODE.sub("", FENCE.sub("", text))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if root not in file.parents and file != root:
            wrong.append(f"links to {target}, outside of the repository")
        elif not file.exists():
            wrong.append(f"links to {target}, which is not there")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text("utf-8")):
            wrong.append(f"links to {target}, where there is no such heading")
        if file.suffix == ".svg":
            figures.add(file)
    return wrong, figures


def check_figure(file):
    """What is wrong with a figure."""
    try:
        figure = xml.parse(file).getroot()
    except xml.ParseError as error:
        return [f"is not well-formed: {error}"]
    wrong = []
    if figure.tag != SVG + "svg" or "viewBox" not in figure.attrib:
        wrong.append("is no SVG with a viewBox")
    for name in ("title", "desc"):
        if not (figure.findtext(SVG + name) or "").strip():
            wrong.append(f"has no {name}")
    for element in figure.iter():
        if element.tag in (SVG + "script", SVG + "image", SVG + "foreignObject"):
            wrong.append(f"has a {element.tag.removeprefix(SVG)}")
        for name, value in element.attrib.items():
            if name.endswith("href") and not value.startswith("#") or name.startswith("on"):
                wrong.append(f"has {name}={value}")
        if element.tag == SVG + "style" and re.search(r"@import|url\((?!#)", element.text or ""):
            wrong.append("has a style that brings something from elsewhere")
    return wrong


def check(root, pages):
    """All that is wrong, a line each."""
    lines, figures = [], set()
    for page in pages:
        wrong, shown = check_page(root, page)
        lines += [f"{page.relative_to(root)} {line}" for line in wrong]
        figures |= shown
    own = set((root / "docs" / "figures").glob("*.svg"))
    lines += [f"{f.relative_to(root)} is shown by no page" for f in sorted(own - figures)]
    for file in sorted(own):
        lines += [f"{file.relative_to(root)} {line}" for line in check_figure(file)]
    return lines


def check_self():
    """Each of these mistakes is found, and a page without any is not complained about."""
    good = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">'
        "<title>t</title><desc>d</desc></svg>"
    )
    page = "# A page\n\n![f](docs/figures/f.svg) [here](#a-page)\n"
    mistakes = {
        "which is not there": (page + "[x](gone.md)", good),
        "no such heading": (page + "[x](#gone)", good),
        "outside of the repository": (page + "[x](../../x)", good),
        "is shown by no page": ("# A page\n", good),
        "not well-formed": (page, good[:-1]),
        "has no desc": (page, good.replace("<desc>d</desc>", "")),
        "viewBox": (page, good.replace("viewBox", "box")),
        "has a script": (page, good.replace("<desc>", "<script/><desc>")),
        "href": (page, good.replace("<desc>", '<a href="https://x.y"/><desc>')),
        "from elsewhere": (page, good.replace("<desc>", "<style>@import 'x'</style><desc>")),
    }
    for expected, (text, figure) in {"": (page, good), **mistakes}.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            (root / "docs" / "figures").mkdir(parents=True)
            (root / "docs" / "figures" / "f.svg").write_text(figure)
            (root / "page.md").write_text(text)
            lines = check(root, [root / "page.md"])
            if bool(lines) != bool(expected) or not all(expected in line for line in lines):
                sys.exit(f"{sys.argv[0]}: {expected or 'nothing wrong'}: {lines}")


def main():
    check_self()
    if "--self" in sys.argv[1:]:
        return
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root, capture_output=True, text=True, check=True,
    )
    pages = [root / name for name in sorted(set(listed.stdout.splitlines()))]
    pages = [page for page in pages if page.exists()]
    lines = check(root, pages)
    if lines:
        sys.exit("\n".join(lines))
    print(f"pages: {len(pages)}, and all that they link to is there")


main()
