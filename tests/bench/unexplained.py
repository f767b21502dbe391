"""The daemon with a switch: each SIGUSR1 turns the recording of judgements on or off. It starts off.

.venv/bin/python -m tests.bench.unexplained
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from bot.engine.candidate import Candidate
from bot.engine.judgements import Judgements
from bot.runtime import judgement_writer
from bot.runtime.daemon import run
from bot.runtime.judgement_writer import JudgementWriter
from bot.runtime.stopping import Stopping
from bot.settings.load import load_settings
from bot.strategy.apex import ApexStrategy
from bot.strategy.gates import first


class Switch:
    """Wraps what is done only while the switch is on."""

    on = False

    def turn(self, *_: object) -> None:
        self.on = not self.on

    def around(self, owner: type, name: str, instead: Callable[..., Any]) -> None:
        """While the switch is off, `instead` is called."""
        really = getattr(owner, name)
        setattr(owner, name, lambda *args: really(*args) if self.on else instead(*args))


def main() -> int:
    switch, stopping = Switch(), Stopping()
    signal.signal(signal.SIGUSR1, switch.turn)
    switch.around(ApexStrategy, "_conditions", lambda *_: ())
    switch.around(Candidate, "_first", lambda _, rows, part: first(rows, part))
    switch.around(Judgements, "note", lambda *_: None)
    switch.around(Judgements, "hand_over", lambda *_: None)
    at_once = partial(JudgementWriter, gather=0.0)
    judgement_writer.JudgementWriter = at_once  # type: ignore[assignment, misc]
    return run(load_settings(), stopping.asked)


if __name__ == "__main__":
    sys.exit(main())
