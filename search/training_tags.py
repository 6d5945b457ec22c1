"""Training tags: what StarCoderData may have put before a text, which is no part of the file.

    <reponame>owner/name<filename>path<gh_stars>10-100 LF

each of the three or not, in this order, and a line feed where there is one. They are taken away only where it is
certain that they are tags: where names say what the row says, and stars one of the five counts that there are.
"""

from dataclasses import replace

from search.contents import RawFile

STARS = tuple(f"<gh_stars>{count}" for count in ("0", "1-10", "10-100", "100-1000", "1000+"))


def without_tags(file: RawFile) -> RawFile:
    """The file without the tags before its text."""
    if file.content is None or file.content[:1].tobytes() != b"<":
        return file
    length = _tags(file, file.content)
    return replace(file, content=file.content[length:]) if length else file


def _tags(file: RawFile, text: memoryview) -> int:
    """How many bytes of tags the text begins with, their line feed included; 0 where they are not certain."""
    end = 0
    for tags in ((f"<reponame>{file.repository}",), (f"<filename>{file.path}",), STARS):
        found = [tag for tag in tags if _starts(text[end:], tag)]
        end += max((len(tag.encode()) for tag in found), default=0)
    return end + 1 if end and text[end : end + 1].tobytes() == b"\n" else 0


def _starts(text: memoryview, tag: str) -> bool:
    octets = tag.encode()
    return text[: len(octets)].tobytes() == octets
