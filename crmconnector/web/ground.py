"""What is there for the verbs of a call: see crmconnector.calls.ground, which cards are drawn from too."""

from crmconnector.calls.ground import Grounds, ground_of

__all__ = ["Grounds", "ground_of"]
