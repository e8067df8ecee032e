"""Doors to language models: OpenAI-compatible endpoints, embedded GGUF models, simulated ones.

Read `face.py` first: a `Model` is a provider behind a gate that keeps budgets and never buys a recorded call again.
"""

from fairtrial.models.face import Budget, Call, Gate, Model
from fairtrial.models.registry import open_provider

__all__ = ["Budget", "Call", "Gate", "Model", "open_provider"]
