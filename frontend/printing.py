"""Answers of the API as lines for a terminal: the answer in words first, then the evidence."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from frontend.answers import Found, as_far_as_read, by_name, in_words, number, strongest, unread

Printer = Callable[[Console, dict[str, Any]], None]

SHOWN = 12
"""Findings of one file that are printed; --json has all."""


def print_report(console: Console, report: dict[str, Any]) -> None:
    console.print(Text(answer_in_words(report), style="bold"))
    for file in report["files"]:
        if file["evidence"]:
            _print_file(console, file)
    _print_footing(console, report)


def answer_in_words(report: dict[str, Any]) -> str:
    """The first line of a report."""
    files = [Found(_kind(file), file["coverage"]) for file in report["files"]]
    return in_words(report["release"], files, incomplete=bool(_unread(report)))


def _unread(answer: dict[str, Any]) -> str:
    # A server of an earlier version does not tell.
    return unread(answer["release"], answer.get("missing_shards", 0), answer.get("unread_files", 0))


def _print_unread(console: Console, answer: dict[str, Any]) -> None:
    if told := _unread(answer):
        console.print(Text(told, style="yellow"))


def _kind(file: dict[str, Any]) -> str:
    return strongest([(piece["grade"], piece["common"]) for piece in file["evidence"]])


def _print_file(console: Console, file: dict[str, Any]) -> None:
    console.print()
    console.print(
        Text.assemble((file["path"], "bold"), f"  {file['coverage']:.0%} of it found  ", (file["swhid"], "dim"))
    )
    for piece in file["evidence"][:SHOWN]:
        console.print(Text("  ") + _evidence(piece))
    hidden = len(file["evidence"]) - SHOWN
    if hidden > 0:
        console.print(f"  and {hidden} more (--json has all)")
    for limit in file["limits"]:
        console.print(Text(f"  Limit reached: {limit}.", style="yellow"))


def _evidence(piece: dict[str, Any]) -> Text:
    text = Text.assemble((f"{piece['grade']:14}", "bold red" if not piece["common"] else "dim"))
    if piece["grade"] != "exact":
        text.append(f" lines {_lines(piece['lines'])}")
    if piece["length"] is not None:
        text.append(f", {piece['length']:,} bytes")
    if piece["similarity"] is not None:
        text.append(f", {piece['similarity']:.0%} alike")
    if piece["odds"] is not None:
        text.append(f", an accident one time in {1 / max(piece['odds'], 1e-12):,.0f}")
    if piece["source"] is not None:
        text.append(_source(piece))
    if piece["holders"] > 1:
        text.append(f", in {piece['holders']:,} documents")
    if piece["common"]:
        text.append(" (boilerplate)")
    return text


def _source(piece: dict[str, Any]) -> str:
    source = piece["source"]
    place = f":{_lines(source['lines'])}" if piece["grade"] == "verbatim" else ""
    licenses = ", ".join(source["licenses"]) or "no licence known"
    return f" = {_name(source)}{place} ({licenses})"


def _name(source: dict[str, Any]) -> str:
    """`owner/name/path`; what is no file says so, and may be of no repository."""
    kind = source.get("kind", "file")
    name = "/".join(filter(None, (source["repository"], source["path"])))
    return name if kind == "file" else f"{kind} {name}"


def _lines(lines: dict[str, int]) -> str:
    return str(lines["start"]) if lines["start"] == lines["end"] else f"{lines['start']}-{lines['end']}"


def _print_footing(console: Console, report: dict[str, Any]) -> None:
    console.print()
    if report.get("left_out"):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(report["left_out"].items()))
        console.print(f"Not checked: {reasons}.")
    _print_unread(console, report)
    console.print(
        Text(
            f"Every verbatim run of {report['guaranteed_length']} non-blank bytes is found. "
            f"Release {report['release']}, build {report['build'] or 'portrait only'}, analysis {report['spec']}.",
            style="dim",
        )
    )


def print_page(console: Console, page: dict[str, Any]) -> None:
    total = page["total"]
    is_exact = "exact" in total and not _unread(page)
    count = f"{total['exact']:,}" if is_exact else f"At least {total.get('exact', total.get('at_least')):,}"
    what = "document matches" if total.get("exact") == 1 else "documents match"
    console.print(Text(f"{count} {what} in {page['release']}.", style="bold"))
    _print_unread(console, page)
    for hit in page["hits"]:
        licenses = ", ".join(hit["licenses"]) or "no licence known"
        console.print()
        console.print(Text.assemble((_name(hit), "bold"), f"  ({licenses})"))
        for line in hit["lines"]:
            text = Text(line["text"])
            for match in line["matches"]:
                text.stylize("bold red", match["start"], match["end"])
            console.print(Text(f"{line['number']:7}  ", style="dim") + text)


def print_known(console: Console, answer: dict[str, Any]) -> None:
    for swhid, value in answer.items():
        unsure = ", as far as could be read" if value.get("incomplete") else ""
        console.print(f"{swhid}  {'known' if value['known'] else f'not known{unsure}'}")


def print_holdings(console: Console, answer: dict[str, Any]) -> None:
    for holding in answer["holdings"]:
        what = f"{number(holding['documents'], 'document')} of {answer['scope']}"
        if not holding["documents"]:
            what = f"nothing of {answer['scope']}"
            console.print(Text(f"{holding['release']} holds {what}{as_far_as_read(_unread(holding))}.", style="bold"))
            _print_unread(console, holding)
            continue
        console.print(Text(f"{holding['release']} holds {what} ({holding['bytes']:,} bytes).", style="bold"))
        if told := by_name(holding["documents"], holding.get("by_name", 0)):
            console.print(Text(told))
        _print_unread(console, holding)
        for bucket in holding["repositories"]:
            console.print(f"  {bucket['documents']:8,}  {bucket['value']}")


def print_portrait(console: Console, header: dict[str, Any]) -> None:
    console.print(Text(f"Portrait of {header['release']}: whole, its digest agrees.", style="bold"))
    for name, value in header.items():
        console.print(f"  {name:24} {value}")
