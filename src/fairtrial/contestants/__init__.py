"""Who answers: a model and a strategy. Read `strategies.py` first; `answer` turns a prompt into a `Response`."""

from fairtrial.contestants.answer import answer
from fairtrial.contestants.ask import AnswerBudget, Ask
from fairtrial.contestants.reading import answer_kind, read_answer
from fairtrial.contestants.strategies import STRATEGIES, check_strategy

__all__ = ["STRATEGIES", "AnswerBudget", "Ask", "answer", "answer_kind", "check_strategy", "read_answer"]
