"""From job files to job definitions: one per file, or one per row of a template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.definitions.digests import digest_of
from agent.definitions.files import MAX_ROWS_BYTES, Folder
from agent.definitions.job_file import PARTY, JobFields, PartyFields, TemplateFields
from agent.definitions.job_sessions import named_sessions, over
from agent.definitions.mistakes import did_you_mean
from agent.definitions.references import JobChecker, References
from agent.definitions.rows import Row, read_rows
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Document, Path, Report, Source, Tree, Within, entries
from agent.definitions.succession import root
from agent.definitions.terms import Terms, terms_from
from agent.definitions.validation import validate
from agent.domain.job import SELF, JobDefinition, Place, SendBy
from agent.domain.units import ChainId
from jobs.fields import FieldContext
from jobs.kind import Spec, Timing


@dataclass(frozen=True, slots=True)
class RowSource:
    """A row over its template: a value is where it was written."""

    row: Row
    document: Document

    def place(self, path: Path) -> Place:
        """Return the place in the row, or in the template for what the row leaves to it."""
        name = path[0] if path else ""
        if name in self.row.values:
            return self.row.place(path)
        for inherited in (path, ("spec", *path)):
            if (inherited and inherited[:1] in self.document.keys) or inherited[:2] in self.document.keys:
                return self.document.place(inherited)
        return self.row.place(path)

    def key_place(self, path: Path) -> Place:
        """Return the place of the value: a row has no keys of its own."""
        return self.place(path)


def jobs_from(
    document: Document, folder: Folder, known: References, report: Report
) -> Iterator[JobDefinition]:
    """Yield the jobs of a file that hold no mistake; note every mistake of the others."""
    tree = document.root
    if not isinstance(tree, dict):
        report.add(document.place(()), "wrong_shape", "a job is a mapping", "write id:, kind: and so on")
        return
    for name in tree.keys() - JobFields.model_fields.keys():
        fix = did_you_mean(name, JobFields.model_fields)
        report.add(document.key_place((name,)), "unknown_key", f"nothing is called {name!r} here", fix)
    terms = terms_from(tree, document, known, report)
    reader = _Reader(terms, known, report)
    if "rows" in tree:
        yield from _from_rows(reader, tree, document, folder)
        return
    party = {name: value for name, value in tree.items() if name in PARTY}
    job = reader.job(party, tree.get("spec"), document, Within(document, ("spec",)))
    if job is not None:
        yield job


def _from_rows(
    reader: "_Reader", tree: dict[str, Tree], document: Document, folder: Folder
) -> Iterator[JobDefinition]:
    rows, terms = str(tree["rows"]), reader.terms
    cited_at, report = document.place(("rows",)), reader.report
    if not rows.endswith((".csv", ".jsonl")):
        report.add(cited_at, "bad_rows", f"{rows[:80]!r} is no file of rows", "name a .csv or .jsonl file")
        return
    text = folder.text(f"jobs/{rows}", MAX_ROWS_BYTES, report, cited_at)
    template = validate(TemplateFields, {"id": tree["id"]} if "id" in tree else {}, document, report).get(
        "id"
    )
    if text is None or template is None:
        return
    columns = PARTY | (frozenset(terms.kind.spec_model.model_fields) if terms.kind else frozenset())
    shared = entries(tree.get("spec"))
    inherited = {name: value for name, value in tree.items() if name in PARTY and name != "id"}
    for row in read_rows(f"jobs/{rows}", text, columns, report):
        party = over(inherited, {name: value for name, value in row.values.items() if name in PARTY})
        if "id" in row.values:
            party["id"] = f"{template}-{row.values['id']}"
        spec = {**shared, **{name: value for name, value in row.values.items() if name in columns - PARTY}}
        source = RowSource(row, document)
        job = reader.job(party, spec, source, source)
        if job is not None:
            yield job


@dataclass(frozen=True, slots=True)
class _Reader:
    terms: Terms
    known: References
    report: Report

    def job(
        self, party: dict[str, Tree], spec_tree: Tree | None, source: Source, spec_source: Source
    ) -> JobDefinition | None:
        before = len(self.report.mistakes)
        fields = validate(PartyFields, party, source, self.report)
        spec = self._spec(spec_tree, source, spec_source)
        checker = JobChecker(self.known, source, self.report)
        sessions = self._sessions(checker, fields, party, spec)
        if spec is not None:
            self._timing(spec, source, spec_source)
        if spec is not None and "account" in fields:
            self._objections(spec, fields, spec_source)
        if len(self.report.mistakes) > before or not sessions or spec is None:
            return None
        return self._definition(fields, spec, sessions, source)

    def _sessions(
        self, checker: JobChecker, fields: Mapping[str, Any], party: dict[str, Tree], spec: Spec | None
    ) -> list[SessionDefinition]:
        found: list[SessionDefinition] = []
        for name, at in named_sessions(fields, party, checker.source, self.report):
            session = checker.session(name, at, self.terms.chain_id, fields.get("account"))
            if session is None:
                continue
            found.append(session)
            self._fit(checker, spec, session, at)
            checker.same_module(found[0], session, at)
            if self.terms.pay_gas_by is not None:
                checker.payers(self.terms.pay_gas_by, session, at)
        if found:
            checker.lane(fields.get("lane"), found[0])
        return found

    def _spec(self, tree: Tree | None, source: Source, spec_source: Source) -> Spec | None:
        kind, tokens = self.terms.kind, self.known.tokens.get(self.terms.chain_id or 0)
        if tree is None:
            self.report.add(
                source.place(()), "missing_key", "'spec' is missing", "add spec: with the kind's fields"
            )
            return None
        if kind is None or tokens is None:
            return None
        model: type[Spec] = kind.spec_model
        before = len(self.report.mistakes)
        fields = validate(model, tree, spec_source, self.report, FieldContext(tokens))
        # Fields that are right each by itself may still not fit together.
        sound = len(fields) == len(model.model_fields) and len(self.report.mistakes) == before
        return model.model_construct(**fields) if sound else None

    def _timing(self, spec: Spec, source: Source, spec_source: Source) -> None:
        """Check that a kind which may be due either way is due one way."""
        kind = self.terms.kind
        if kind is None or kind.timing is not Timing.EITHER or "when" not in type(spec).model_fields:
            return
        watches = getattr(spec, "when", None) is not None
        if watches and self.terms.has_schedule:
            message, fix = "the job is due by schedule: and by when:", "keep one of them; see only_if:"
            self.report.add(spec_source.place(("when",)), "two_timings", message, fix)
        if not watches and not self.terms.has_schedule:
            fix = "add schedule: beside spec:, or when: in it"
            self.report.add(source.place(()), "never_due", "nothing makes the job due", fix)

    def _fit(self, checker: JobChecker, spec: Spec | None, session: SessionDefinition, at: Path) -> None:
        if self.terms.schedule is not None:
            checker.expiry(self.terms.schedule, session, at)
        if spec is not None and self.terms.kind is not None:
            checker.actions(self.terms.kind.requirements(spec, session.account, 1), session, at)

    def _objections(self, spec: Spec, fields: Mapping[str, Any], source: Source) -> None:
        kind = self.terms.kind
        for name, why in (kind.objections(spec, fields["account"]) if kind else {}).items():
            self.report.add(source.place((name,)), "refused_by_kind", why, f"correct {name}")

    def _definition(
        self, fields: Mapping[str, Any], spec: Spec, sessions: list[SessionDefinition], source: Source
    ) -> JobDefinition | None:
        terms, first = self.terms, sessions[0]
        names = [session.name for session in sessions]
        origin = root(first.name, self.known.sessions)
        kind, chain_id = terms.kind, terms.chain_id
        if (
            kind is None
            or chain_id is None
            or terms.fees is None
            or terms.retry is None
            or terms.digest is None
            or terms.pay_gas_by is None
        ):
            return None
        identity = {
            "account": str(fields["account"]),
            "chain": chain_id,
            "kind": kind.name,
            # Rotation and further sessions leave the job what it is; another owner's grant does not.
            "session": origin,
            **kind.identity(spec),
        }
        whole = {
            **identity,
            **({} if names == [origin] else {"sessions": names}),
            **({"send_by": terms.fields["send_by"]} if terms.fields["send_by"] is SendBy.PRIVATE else {}),
            # Left out where the account pays: a job of before there were paymasters is the same job.
            **({} if terms.pay_gas_by == (SELF,) else {"pay_gas_by": terms.pay_gas_by}),
            "terms": str(terms.digest),
            "spec": spec.model_dump(mode="json"),
            "lane": fields["lane"],
            "reference": fields["reference"],
        }
        return JobDefinition(
            id=fields["id"],
            kind=kind.name,
            chain_id=ChainId(chain_id),
            account=fields["account"],
            account_kind=first.account_kind,
            session=first.name,
            schedule=terms.schedule,
            spec=spec,
            identity_digest=digest_of(identity),
            digest=digest_of(whole),
            place=source.place(("id",)),
            lane=fields["lane"],
            fees=terms.fees,
            retry=terms.retry,
            catch_up=terms.fields["catch_up"],
            reference=fields["reference"],
            other_sessions=tuple(names[1:]),
            pay_gas_by=terms.pay_gas_by,
            send_by=terms.fields["send_by"],
        )
