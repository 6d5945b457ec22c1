"""One story: build, ask, prove, hidden, decided, listed, filtered, re-released, gone, told.

Ada asks for a repository and a folder of another, and proves with an SSH key that her forge publishes. Bob asks for
all of his account, and proves with a file in his profile repository. Dora asks for a repository of the organisation
that she works for, which a person has to decide. Somebody whose address stands in texts of others proves it with a
code. Eve asks for what is Ada's. Each step looks at what came of it.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from tests.governance.ledger import rfc6962
from tests.journey import oracle
from tests.journey.world import Refusal, World

DIRTY, CLEAN = "stack-sample-1", "stack-sample-2"
NAMESPACE = "codesteward-ownership"


@dataclass
class Story:
    world: World
    megabytes: int = 6
    tokens: dict[str, str] = field(default_factory=dict)

    def tell(self) -> None:
        """All of it, in order."""
        for step in (
            self.build,
            self.ask,
            self.eve_asks_for_what_is_not_hers,
            self.prove,
            self.hidden,
            self.decided,
            self.listed,
            self.filtered,
            self.re_released,
            self.gone,
            self.told,
            self.in_the_ledger,
        ):
            step()

    # --- Build --------------------------------------------------------------------------------------

    def build(self) -> None:
        world = self.world
        world.step("A release is built, and answers")
        world.manage("migrate", "--verbosity", "0")
        world.manage("make_sample", "--megabytes", str(self.megabytes))
        world.publish_shards()
        world.manage("register", DIRTY, "--shards", world.dirty)
        world.serve()
        world.manage("build", DIRTY)
        world.manage("activate", DIRTY)
        self.cast = oracle.cast(world.shards)
        self.scopes = {
            "ada": [f"repo:{self.cast.repository}", f"path:{self.cast.directory}"],
            "bob": [f"account:{self.cast.account}"],
            "dora": [f"repo:{self.cast.organised}"],
            "writer": [f"email:{self.cast.address}"],
        }
        self.before = {scope: self.held(scope) for scopes in self.scopes.values() for scope in scopes}
        assert all(self.before.values()), self.before
        (answered,) = world.get("/api/v1/holdings", scope=f"account:{self.cast.account}")["holdings"]
        self.bobs = [bucket["value"] for bucket in answered["repositories"]]

    def held(self, scope: str) -> int:
        """How many documents the releases answer with."""
        found = self.world.get("/api/v1/holdings", scope=scope)["holdings"]
        return sum(holding["documents"] for holding in found)

    # --- Ask ----------------------------------------------------------------------------------------

    def ask(self) -> None:
        self.world.step("Four people ask for their code to be taken out")
        for who, scopes in self.scopes.items():
            made = self.post_request(who, scopes)
            assert made["state"] == "submitted"
        assert {scope: self.held(scope) for scope in self.before} == self.before, "nothing is hidden before a proof"

    def post_request(self, who: str, scopes: list[str]) -> Any:
        """Sent twice under one key, as by somebody whose connection broke: it is one request."""
        body = {"scopes": scopes, "contact": self.contact(who)}
        made, again = (
            self.world.post("/api/v1/requests", body, **{"Idempotency-Key": f"long-enough-key-of-{who}"})
            for _ in range(2)
        )
        assert made["token"] == again["token"]
        self.tokens[who] = made["token"]
        return made

    def contact(self, who: str) -> str:
        return self.cast.address if who == "writer" else f"{who}@people.example"

    # --- Prove --------------------------------------------------------------------------------------

    def eve_asks_for_what_is_not_hers(self) -> None:
        self.world.step("Eve asks for a repository of Ada, and proves who she is")
        key = self.world.ssh_key("eve")
        self.world.forge.account("eve", keys=[key.with_suffix(".pub").read_text()])
        self.post_request("eve", [f"repo:{self.cast.repository}"])
        try:
            outcome = self.prove_by_signature("eve", "eve", key)
        except Refusal as refusal:
            outcome = {"covered": [], "refused": refusal.problem}
        assert outcome["covered"] == []
        assert self.held(f"repo:{self.cast.repository}") == self.before[f"repo:{self.cast.repository}"]

    def prove(self) -> None:
        self.world.step("Each proves that it is theirs")
        ada = self.cast.repository.partition("/")[0]
        key = self.world.ssh_key("ada")
        self.world.forge.account(ada, keys=[key.with_suffix(".pub").read_text()])
        for repository in (self.cast.repository, "/".join(self.cast.directory.split("/")[:2])):
            self.world.forge.repository(repository, {"README.md": "hello"})
        assert len(self.prove_by_signature("ada", ada, key)["covered"]) == 2
        bob, employer = self.cast.account, self.cast.organised.partition("/")[0]
        self.world.forge.account(bob)
        # A login may have been another's before: what the release holds under it has to be his at the forge.
        for repository in self.bobs:
            self.world.forge.repository(repository, {"README.md": "hello"})
        self.world.forge.account(employer, organisation=True)
        assert len(self.prove_by_file("bob", bob, f"{bob}/{bob}")["covered"]) == 1
        assert len(self.prove_by_file("dora", employer, self.cast.organised)["covered"]) == 1
        assert len(self.prove_by_code("writer", self.cast.address)["covered"]) == 1

    def challenge(self, who: str, method: str, subject: str) -> Any:
        return self.world.post(f"{self.about(who)}/challenges", {"method": method, "subject": subject})

    def about(self, who: str) -> str:
        return f"/api/v1/requests/{self.tokens[who]}"

    def prove_by_signature(self, who: str, login: str, key: Path) -> Any:
        challenge = self.challenge(who, "ssh-signature", login)
        signature = self.world.sign(key, challenge["text"], NAMESPACE)
        proof = {"challenge": challenge["challenge"], "signature": signature}
        return self.world.post(f"{self.about(who)}/proofs", proof)

    def prove_by_file(self, who: str, login: str, repository: str) -> Any:
        challenge = self.challenge(who, "challenge-file", login)
        self.world.forge.repository(repository, {".well-known/codesteward-challenge": challenge["text"]})
        proof = {"challenge": challenge["challenge"], "repository": repository}
        return self.world.post(f"{self.about(who)}/proofs", proof)

    def prove_by_code(self, who: str, address: str) -> Any:
        challenge = self.challenge(who, "email-code", address)
        code = next(
            line.strip() for line in self.world.mail_to(address, "Your code").splitlines() if is_code(line.strip())
        )
        return self.world.post(f"{self.about(who)}/proofs", {"challenge": challenge["challenge"], "code": code})

    # --- Hidden, decided ----------------------------------------------------------------------------

    def hidden(self) -> None:
        self.world.step("It is hidden from every answer at once")
        for scope in self.before:
            assert self.held(scope) == 0, scope

    def decided(self) -> None:
        self.world.step("What is proven and owned is accepted, and a person decides about the organisation's")
        assert {who: self.state_of(who) for who in self.tokens} == {
            "ada": "accepted",
            "bob": "accepted",
            "dora": "in_review",
            "writer": "accepted",
            "eve": "awaiting_verification",
        }
        grace = self.world.reviewer("grace", "a long password of hers")
        (claim,) = grace.queue()
        self.world.tell(f"  Grace opens {self.world.site}{claim}, looks at the evidence, and accepts")
        grace.accept(claim, "Dora is named on the organisation's page.")
        assert grace.queue() == []
        assert self.state_of("dora") == "accepted"

    def state_of(self, who: str) -> Any:
        return self.world.get(self.about(who))["state"]

    # --- Listed, filtered, re-released --------------------------------------------------------------

    def listed(self) -> None:
        world = self.world
        world.step("The accepted claims are frozen as exclusion list 1, which anybody can check")
        world.manage("publish_exclusions")
        self.list = world.data / "exclusion-lists" / "list-000001"
        public = (world.data / "signing_key.pub").read_text().split()
        (world.pipeline / "allowed_signers").write_text(f"codesteward {public[0]} {public[1]}\n")
        (world.pipeline / "lists.pub").write_text(" ".join(public[:2]) + "\n")
        world.run(
            "ssh-keygen", "-Y", "verify", "-f", str(world.pipeline / "allowed_signers"), "-I", "codesteward",
            "-n", "codesteward-exclusion-list", "-s", str(self.list / "manifest.json.sig"),
            text=(self.list / "manifest.json").read_text(),
        )  # fmt: skip

    def filtered(self) -> None:
        world = self.world
        world.step("The pipeline applies it to its shards, and signs a receipt")
        key = world.ssh_key("pipeline")
        (world.data / "pipeline_keys").write_text(key.with_suffix(".pub").read_text())
        world.filter(
            "--list", str(self.list), "--trust", str(world.pipeline / "lists.pub"), "--key", str(key),
            "--release", CLEAN,
        )  # fmt: skip
        world.manage("accept_receipt", str(world.brought()))

    def re_released(self) -> None:
        world = self.world
        world.step("The clean shards become a release that takes the place of the other")
        world.manage("register", CLEAN, "--shards", f"{world.clean}/shards", "--parent", DIRTY, "--exclusion-list", "1")
        world.manage("build", CLEAN)
        world.manage("activate", CLEAN)

    # --- Gone, told ---------------------------------------------------------------------------------

    def gone(self) -> None:
        world = self.world
        world.step("A check of our own finds nothing left, and so does DuckDB")
        world.manage("report_removal", CLEAN)
        clean = world.brought() / "shards"
        found = oracle.compare(world.shards, clean, self.cast)
        world.tell(f"  DuckDB: {found}")
        assert found.asked >= max(self.before.values())
        assert (found.left, found.lost) == (0, 0)
        assert found.kept > 0
        assert oracle.added(world.shards, clean) == 0
        for scope in self.before:
            assert self.held(scope) == 0, scope

    def told(self) -> None:
        self.world.step("Each is told, and their page says so")
        self.world.manage("deliver_mail")
        for who in self.scopes:
            status = self.world.get(self.about(who))
            assert status["state"] == "closed"
            assert {claim["applied_in"] for claim in status["claims"]} == {CLEAN}
            assert CLEAN in self.world.mail_to(self.contact(who), "gone")

    def in_the_ledger(self) -> None:
        self.world.step("All of it stands in the public ledger, which names nobody")
        self.world.manage("sign_checkpoint")
        self.world.manage("verify_ledger")
        checkpoint = httpx.get(f"{self.world.site}/api/v1/ledger/checkpoint").text
        _, size, root, *_ = checkpoint.splitlines()
        entries = [self.world.get(f"/api/v1/ledger/entries/{index}") for index in range(int(size))]
        leaves = [entry["entry"].encode() for entry in entries]
        assert b64encode(rfc6962.mth(leaves)).decode() == root, "a second implementation comes to the same root"
        for recorded in self.world.get(f"{self.about('ada')}/record")["events"]:
            said = bytes.fromhex(recorded["salt"]) + recorded["statement"].encode()
            assert entries[recorded["ledger_index"]]["body"] == {"claim": sha256(said).hexdigest()}
        public = b"".join(leaves).decode()
        for private in (*self.tokens.values(), self.cast.account, self.cast.address, "people.example"):
            assert private not in public


def is_code(line: str) -> bool:
    """A word of its own on its line, of many letters and digits: how a mail shows a code."""
    return len(line) >= 16 and " " not in line and line.replace("-", "").isalnum()
