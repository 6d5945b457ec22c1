"""What is blotted out before text is shown: addresses of people, and what looks like a key or a password.

Every letter is replaced by a block, so that places in the text stay as they are.
"""

from search.patterns import compile_secrets

BLOT = "\N{FULL BLOCK}"

SECRETS = (
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b",
    r"\bglpat-[A-Za-z0-9_-]{20,}\b",
    r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
    r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}",
    r"\b(?:sk|rk|pk)_live_[A-Za-z0-9]{16,}\b",
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\bya29\.[0-9A-Za-z_-]{20,}",
    r"\bpypi-AgE[A-Za-z0-9_-]{50,}",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bhf_[A-Za-z]{30,}\b",
    r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    r"(?i)\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqps?|https?)://[^\s:/@'\"]{1,64}:[^\s/@'\"]{3,128}@",
    r"(?i)(?:api_?key|secret|token|passw(?:or)?d|pwd|credential)[a-z_]{0,20}['\"]?\s{0,3}[:=]\s{0,3}['\"][^'\"\s]{8,200}['\"]",
)
"""RE2 patterns: e-mail addresses, then keys by the form their issuers give them, then what is assigned to a secret."""

_ANY = compile_secrets(SECRETS)


def redact(text: str) -> str:
    """The text with every secret blotted out; as many characters as before, lines kept."""
    content = text.encode("utf-8", "replace")
    pieces: list[str] = []
    at = 0
    for start, end in _ANY.spans(content, limit=100_000):
        pieces.append(content[at:start].decode("utf-8", "replace"))
        secret = content[start:end].decode("utf-8", "replace")
        pieces.append("".join(letter if letter in "\r\n" else BLOT for letter in secret))
        at = end
    pieces.append(content[at:].decode("utf-8", "replace"))
    return "".join(pieces)
