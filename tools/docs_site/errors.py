"""A page for each error, and one for what is wrong with call records."""

from collections.abc import Mapping

from tools.docs_site.schemas import Json, table

from callmark.domain.personalisation.model import Outcome
from callmark.record_rules.fields import Fault
from callmark.surfaces.reference.error_help import FAULTS, OUTCOMES, ErrorHelp
from callmark.surfaces.reference.error_pages import SlugPage, error_pages

_ABOUT = """\
# Errors

Every error answer has a `Link` header with `rel="help"`, which leads to the page of its error on the installation
itself, below `/docs/errors`. These are the same pages. The shape of the body depends on the route: most answer with
`{"slug", "message"}`, faults in the body of a v2 or v3 push with `{"status_info": {"status", "field", "message"}}`.
Programs decide by the status and the slug; texts are for people.
"""


def pages(documents: Mapping[str, Json]) -> dict[str, str]:
    """Markdown by path."""
    made = error_pages(documents.values())
    rows = [[one.status, f"[`{one.slug}`]({one.slug}.md)", one.help.title] for one in made]
    records = "\nA call record that cannot be shown is no error of the request: [call records](call-records.md).\n"
    return {
        "reference/errors/index.md": _ABOUT + table(["Status", "Slug", "Meaning"], rows) + records,
        **{f"reference/errors/{one.slug}.md": _page(one) for one in made},
        "reference/errors/call-records.md": _records(),
    }


def _page(page: SlugPage) -> str:
    help_ = page.help
    texts = table(["Text", "When"], [[one.message, one.when] for one in page.texts])
    return (
        f"# {help_.title}\n\n`{page.slug}`, answered with {page.status} {page.phrase}.\n\n"
        f"**Why it happens.** {help_.cause}\n\n**What to do.** {help_.remedy}\n"
        + (f"\n## Texts\n{texts}" if texts else "")
    )


def _records() -> str:
    return (
        "# Call records that are not shown\n\nThe batch status and the timeline of a record say why it is invalid"
        " (`fault`), or why a valid one is not on the handset (`outcome`).\n\n## Invalid records\n\n"
        + _sections(FAULTS)
        + "## Records that did not reach the handset\n\n"
        + _sections(OUTCOMES)
    )


def _sections(kinds: Mapping[Fault, ErrorHelp] | Mapping[Outcome, ErrorHelp]) -> str:
    return "".join(
        f"### {help_.title}\n\n`{code}`\n\n**Why it happens.** {help_.cause}\n\n**What to do.** {help_.remedy}\n\n"
        for code, help_ in kinds.items()
    )
