"""Statistics, questions, answers and the check of their numbers, put together: ``attention_analysis.json``."""

from typing import Literal

from pydantic import BaseModel, Field

from videotracks.persistence.analysis.asking import LanguageModelClient, NoModel, Reply, Usage
from videotracks.persistence.analysis.decided import bounded_name
from videotracks.persistence.analysis.grounding import Quoted, quoted_numbers
from videotracks.persistence.analysis.questions import QUESTIONS, Answer, Topic, document
from videotracks.persistence.analysis.statistics import Statistics
from videotracks.progress import Progress, silent

Status = Literal["no model asked", "answered", "failed"]


class Answered(BaseModel, frozen=True):
    """One question: its answer, or why there is none; every number of the answer, found in the statistics or not."""

    topic: Topic
    status: Literal["answered", "failed", "not asked"]
    why: str = ""
    answer: Answer | None = None
    numbers: list[Quoted] = []
    model: str = Field("", description="the model's name as the server told it")
    usage: Usage = Usage()


class Analysis(BaseModel, frozen=True):
    """The statistics of ``subject``, always whole, and what came of asking a model about them.

    ``status`` is ``answered`` only where every question was; ``why`` says what hindered it.
    """

    subject: str
    statistics: Statistics
    status: Status
    why: str = ""
    asked: dict[str, str] = Field(description="which model was asked, where")
    answers: list[Answered] = []
    usage: Usage = Usage()

    @property
    def numbers_checked(self) -> int:
        """Numbers that the answers quote."""
        return sum(len(answered.numbers) for answered in self.answers)

    @property
    def numbers_not_found(self) -> int:
        """Those of them that do not stand in the statistics."""
        return sum(number.found_at is None for answered in self.answers for number in answered.numbers)


def analyse(
    subject: str, statistics: Statistics, model: LanguageModelClient | NoModel, progress: Progress = silent
) -> Analysis:
    """Ask ``model`` all questions about the statistics of ``subject`` (a video's key, or the scenarios).

    Whatever goes wrong with the model stands in the result; after a failure of the server the remaining questions
    are not asked. A model is asked even about no tracks: the caller decides whether that is worth its price.
    """
    subject = bounded_name(subject)
    if isinstance(model, NoModel):
        return Analysis(
            subject=subject, statistics=statistics, status="no model asked", why=model.why, asked=model.provenance()
        )
    data, answers, gone = document(subject, statistics), list[Answered](), ""
    for done, question in enumerate(QUESTIONS):
        progress(done, len(QUESTIONS))
        if gone:
            answers.append(Answered(topic=question.topic, status="not asked", why=f"after: {gone}"))
            continue
        reply = model.ask(question, data)
        answers.append(_answered(question.topic, reply, statistics))
        gone = reply.why if reply.server_failed else ""
    failed = [f"{a.topic}: {a.why}" for a in answers if a.status == "failed"]
    return Analysis(
        subject=subject,
        statistics=statistics,
        status="failed" if failed else "answered",
        why="; ".join(failed),
        asked=model.provenance(),
        answers=answers,
        usage=sum((a.usage for a in answers), Usage()),
    )


def _answered(topic: Topic, reply: Reply, statistics: Statistics) -> Answered:
    if reply.answer is None:
        return Answered(topic=topic, status="failed", why=reply.why, model=reply.model, usage=reply.usage)
    numbers = quoted_numbers(reply.answer, statistics)
    return Answered(
        topic=topic, status="answered", answer=reply.answer, numbers=numbers, model=reply.model, usage=reply.usage
    )
