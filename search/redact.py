"""What is blotted out before text is shown: addresses of people, and what looks like a key or a password.

Every letter is replaced by a block, so that places in the text stay as they are.
"""

from search.patterns import Pattern, compile_secrets

BLOT = "\N{FULL BLOCK}"

_GAP = r"""(?:\s|\\[nrt]|["'+,#*>|])*"""
"""What may stand between the lines of a key: also where it is a string in code, escaped or joined."""

ISSUED = (
    r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}(?:xn--[A-Za-z0-9-]{1,59}|[A-Za-z]{2,63})(?:\b|_)",
    # A marker and what looks like its key; the end is not looked for, which would read on from each marker to the end.
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"
    rf"(?:{_GAP}(?:[A-Za-z0-9+/=]{{20,}}|[A-Z][A-Za-z-]{{3,15}}: [^\r\n]{{1,100}}))+(?:{_GAP}[A-Za-z0-9+/=]{{1,19}})?"
    rf"(?:{_GAP}-----END [A-Z ]{{0,20}}PRIVATE KEY(?: BLOCK)?-----)?",
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,255}",
    r"\bgithub_pat_[A-Za-z0-9_]{22,255}",
    r"\bgl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,}",
    r"\bxox[abposre]-[A-Za-z0-9-]{10,}",
    r"\bhooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}",
    r"\bsk-(?:(?:proj|svcacct|admin|ant)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20,})",
    r"\b(?:[srp]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}",
    r"\bAIza[0-9A-Za-z_-]{35}",
    r"\bya29\.[0-9A-Za-z_-]{20,}",
    r"\bGOCSPX-[0-9A-Za-z_-]{20,}",
    r"\bpypi-AgE[A-Za-z0-9_-]{50,}",
    r"\b(?:npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,}|rubygems_[a-f0-9]{48}|dop_v1_[a-f0-9]{64})",
    r"\b(?:dckr_pat|shpat|shpss|glsa)_[A-Za-z0-9_-]{20,}",
    r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}",
    r"\bhvs\.[A-Za-z0-9_-]{24,}",
    r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}",
    r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b",
    r"\beyJ[A-Za-z0-9_-]{10,500}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)?",
    r"(?i)\bbearer\s{1,3}[A-Za-z0-9._~+/-]{20,}",
)
"""RE2 patterns: e-mail addresses, private keys, and keys by the form that their issuers give them.

Each is sure to match, or not to, after a few hundred letters: one that may read on in vain could be made to do so
again and again.
"""

_NAME = r"(?:api_?key|access_?key|auth_?key|private_?key|secret|passw(?:or)?d|passphrase|pwd)[a-z_-]{0,20}['\"]?\]?"
_IS = r"\s{0,3}(?:=>|:=|[:=])\s{0,20}"
_VALUE = r"[brf]?['\"](?:[^'\"\s]{8,60}['\"]|[A-Za-z0-9+/=_.-]{40,})"

ASSIGNED = (
    rf"(?i){_NAME}{_IS}{_VALUE}",
    rf"(?i)(?:token|credential)[a-z_-]{{0,20}}['\"]?\]?{_IS}[brf]?['\"][A-Za-z0-9+/=_.-]{{16,}}",
    r"(?i)\bauthorization['\"]?\s{0,3}[:=,]\s{0,3}['\"]?(?:bearer|basic|token)\s{1,3}[A-Za-z0-9._~+/=-]{8,}",
    r"(?i)\b(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|s?ftp|ssh|ldaps?|smtps?|https?)(?:\+[a-z0-9]{1,20})?"
    r"://[^\s:/@'\"]{0,64}:[^\s/@'\"]{3,128}@",
    r"(?i);\s{0,3}(?:password|pwd|accountkey|sharedaccesskey)\s{0,3}=\s{0,3}[^;\s'\"]{4,}",
    r"(?i)<(?:password|passwd|secret|token|api_?key)>[^<\s]{6,60}",
    r"(?m)^[ \t]{0,8}(?:export )?[A-Z0-9_]{0,60}(?:SECRET|TOKEN|PASSWORD|PASSWD|(?:API|ACCESS|PRIVATE)_?KEY)"
    r"[A-Z0-9_]{0,20}=[A-Za-z0-9+/=_.!@#%^*-]{8,200}(?:\s|$)",
)
"""RE2 patterns: what is assigned to a name that tells a secret, or stands where one does."""

_PATTERNS = (compile_secrets(ISSUED), compile_secrets(ASSIGNED))
"""Two, since RE2 is slow once the states of a pattern do not fit in its memory."""


def redact(text: str) -> str:
    """The text with every secret blotted out; as many characters as before, lines kept."""
    for pattern in _PATTERNS:
        text = _blotted(text, pattern)
    return text


def _blotted(text: str, pattern: Pattern) -> str:
    content = text.encode("utf-8", "replace")
    pieces: list[str] = []
    at = 0
    for start, end in pattern.spans(content, limit=len(content)):
        pieces.append(content[at:start].decode("utf-8", "replace"))
        secret = content[start:end].decode("utf-8", "replace")
        pieces.append("".join(letter if letter in "\r\n" else BLOT for letter in secret))
        at = end
    pieces.append(content[at:].decode("utf-8", "replace"))
    return "".join(pieces)
